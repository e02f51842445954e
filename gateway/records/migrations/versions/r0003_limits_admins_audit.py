"""Tenants that can be disabled, limits, admins, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_APPEND_ONLY = "the audit log is append only"
# SQLite knows no other kind of trigger than one for a single verb.
_SQLITE_TRIGGER = """
CREATE TRIGGER audit_refuses_{verb} BEFORE {verb} ON audit
BEGIN SELECT RAISE(ABORT, '{reason}'); END
"""
# REPLACE takes a row away without the trigger for DELETE.
_SQLITE_REPLACE_TRIGGER = f"""
CREATE TRIGGER audit_refuses_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END
"""
_POSTGRESQL_FUNCTION = f"""
CREATE FUNCTION audit_refuses_change() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$
"""
_POSTGRESQL_TRIGGER = """
CREATE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses_change()
"""


def upgrade() -> None:
    op.add_column("tenants", sa.Column("disabled", sa.DateTime(timezone=True)))
    _create_limits()
    op.create_table(
        "admins",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("token_hash", sa.LargeBinary(32)),
        sa.Column("tls_subject", sa.String(1024)),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("token_hash", name="uq_admins_token_hash"),
        sa.UniqueConstraint("tls_subject", name="uq_admins_tls_subject"),
    )
    _create_audit()
    with op.batch_alter_table("changes") as changes:
        changes.alter_column("key_id", existing_type=sa.String(12), nullable=True)
        changes.add_column(sa.Column("tenant", sa.String(64)))


def downgrade() -> None:
    _revoke_keys_of_disabled_tenants()
    op.execute("DELETE FROM changes WHERE key_id IS NULL")
    with op.batch_alter_table("changes") as changes:
        changes.drop_column("tenant")
        changes.alter_column("key_id", existing_type=sa.String(12), nullable=False)
    for table in ("audit", "admins", "limits"):
        op.drop_table(table)
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuses_change()")
    # Not by batch: SQLite would make the table anew, and keys refer to it.
    op.drop_column("tenants", "disabled")


def _create_limits() -> None:
    op.create_table(
        "limits",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("tenant", sa.String(64), sa.ForeignKey("tenants.name"), nullable=False),
        sa.Column("key_id", sa.String(12), sa.ForeignKey("keys.id")),
        sa.Column("models", sa.String(128), nullable=False),
        sa.Column("metric", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("period", sa.String(8)),
        sa.Column("burst", sa.BigInteger),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_limits_tenant", "limits", ["tenant"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True)),
        sa.Column("after", sa.JSON(none_as_null=True)),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    if op.get_context().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_FUNCTION)
        op.execute(_POSTGRESQL_TRIGGER)
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(_SQLITE_TRIGGER.format(verb=verb, reason=_APPEND_ONLY))
    op.execute(_SQLITE_REPLACE_TRIGGER)


def _revoke_keys_of_disabled_tenants() -> None:
    """Revision 0002 would let them in."""
    keys = sa.table(
        "keys", sa.column("tenant", sa.Text), sa.column("revoked", sa.DateTime(timezone=True))
    )
    tenants = sa.table(
        "tenants", sa.column("name", sa.Text), sa.column("disabled", sa.DateTime(timezone=True))
    )
    disabled = sa.select(tenants.c.name).where(tenants.c.disabled.is_not(None))
    op.execute(
        keys.update()
        .where(keys.c.tenant.in_(disabled), keys.c.revoked.is_(None))
        .values(revoked=sa.func.now())
    )
