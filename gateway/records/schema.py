"""Tables of the records: tenants, their keys and limits, admins, and what changed."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

TENANTS = Table(
    "tenants",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("disabled", DateTime(timezone=True)),
)

KEYS = Table(
    "keys",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("tenant", ForeignKey(TENANTS.c.name), nullable=False, index=True),
    # Of a key for a certificate the hash of `tls_subject`; it has no secret.
    Column("token_hash", LargeBinary(32), nullable=False),
    # The secret before the last rotation, in force until `old_ends`.
    Column("old_token_hash", LargeBinary(32)),
    Column("old_ends", DateTime(timezone=True)),
    Column("tls_subject", String(1024), unique=True),
    # `VERB,VERB=PATTERN,PATTERN`, separated by spaces.
    Column("grants", Text, nullable=False),
    # CIDR, separated by spaces; empty: from everywhere.
    Column("networks", Text, nullable=False),
    # All three null: no limit.
    Column("rate_amount", BigInteger),
    Column("rate_period_s", Integer),
    Column("burst", BigInteger),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("not_before", DateTime(timezone=True)),
    Column("expires", DateTime(timezone=True)),
    Column("revoked", DateTime(timezone=True)),
    # To about a minute; no change of the key, so it is in no list of changes.
    Column("last_used", DateTime(timezone=True)),
)

LIMITS = Table(
    "limits",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("tenant", ForeignKey(TENANTS.c.name), nullable=False, index=True),
    # Null: of all keys of the tenant together.
    Column("key_id", ForeignKey(KEYS.c.id)),
    Column("models", String(128), nullable=False),
    Column("metric", String(16), nullable=False),
    # `rate`, `concurrency` or `budget`.
    Column("kind", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    # Of a rate `s`, `m` or `h`, of a budget `day` or `month`.
    Column("period", String(8)),
    Column("burst", BigInteger),
    Column("created", DateTime(timezone=True), nullable=False),
)

# Who may use the admin API: by a token or by a client certificate.
ADMINS = Table(
    "admins",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("token_hash", LargeBinary(32), unique=True),
    Column("tls_subject", String(1024), unique=True),
    Column("created", DateTime(timezone=True), nullable=False),
    # The row stays: the name stands in the audit log.
    Column("revoked", DateTime(timezone=True)),
)

# Append only: a trigger refuses whatever would change or remove a row.
AUDIT = Table(
    "audit",
    METADATA,
    # A number of the counter below, so that they are in the order in which the changes were made.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("action", String(32), nullable=False),
    # The tenant, or the id of the key or limit.
    Column("subject", String(64), nullable=False, index=True),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
)

# What workers are to read anew: one key, or all that is a tenant's.
CHANGES = Table(
    "changes",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("key_id", String(12)),
    Column("tenant", String(64)),
)

# One row. Taking the next number by updating it makes writers wait for one another, so numbers
# become visible in order and a reader that remembers the last one it saw misses none.
CHANGE_COUNTER = Table(
    "change_counter",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)
