"""Keys with a second secret, a period, grants, networks, a TLS subject and their last use."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# The verbs that a key had while it was recorded with its models alone.
CLIENT = "config:read,infer,metadata,repository:index,stats="


def upgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("old_token_hash", sa.LargeBinary(32)))
        keys.add_column(sa.Column("old_ends", sa.DateTime(timezone=True)))
        keys.add_column(sa.Column("tls_subject", sa.String(1024)))
        # What they hold until the next statement, in the rows that there are.
        keys.add_column(sa.Column("grants", sa.Text, nullable=False, server_default=""))
        keys.add_column(sa.Column("networks", sa.Text, nullable=False, server_default=""))
        keys.add_column(sa.Column("not_before", sa.DateTime(timezone=True)))
        keys.add_column(sa.Column("expires", sa.DateTime(timezone=True)))
        keys.add_column(sa.Column("last_used", sa.DateTime(timezone=True)))
        keys.create_unique_constraint("uq_keys_tls_subject", ["tls_subject"])
    table = sa.table("keys", sa.column("grants", sa.Text), sa.column("models", sa.Text))
    op.execute(
        table.update().values(grants=sa.literal(CLIENT) + sa.func.replace(table.c.models, " ", ","))
    )
    with op.batch_alter_table("keys") as keys:
        keys.drop_column("models")
        keys.alter_column("grants", existing_type=sa.Text, server_default=None)
        keys.alter_column("networks", existing_type=sa.Text, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("models", sa.String(4096), nullable=False, server_default="*"))
    _narrow()
    with op.batch_alter_table("keys") as keys:
        keys.alter_column("models", existing_type=sa.String(4096), server_default=None)
        keys.drop_constraint("uq_keys_tls_subject", type_="unique")
        for column in (
            *("old_token_hash", "old_ends", "tls_subject", "grants", "networks"),
            *("not_before", "expires", "last_used"),
        ):
            keys.drop_column(column)


def _narrow() -> None:
    """Write the rows as revision 0001 reads them: what it would let do more, it finds revoked."""
    table = sa.table(
        "keys",
        *(sa.column(name, sa.Text) for name in ("grants", "networks", "models", "tls_subject")),
        *(
            sa.column(name, sa.DateTime(timezone=True))
            for name in ("not_before", "expires", "revoked")
        ),
    )
    keys = table.c
    only_client = sa.and_(
        sa.func.substr(keys.grants, 1, len(CLIENT)) == CLIENT, ~keys.grants.contains(" ")
    )
    needs_more = sa.or_(
        ~only_client,
        keys.tls_subject.is_not(None),
        keys.networks != "",
        keys.not_before.is_not(None),
        keys.expires.is_not(None),
    )
    patterns = sa.func.substr(keys.grants, len(CLIENT) + 1)
    op.execute(table.update().where(only_client).values(models=sa.func.replace(patterns, ",", " ")))
    op.execute(
        table.update().where(needs_more, keys.revoked.is_(None)).values(revoked=sa.func.now())
    )
