"""Revisions of the records with data in them, up and down, on both kinds of database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade, upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import DateTime, LargeBinary

from gateway.measures import parse_measure
from gateway.records import migrate
from gateway.records.engine import open_engine
from gateway.records.schema import METADATA
from gateway.records.store import Records
from tests.gateway.records.using import with_records

CLIENT = "config:read,infer,metadata,repository:index,stats"
EARLY, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)

Rows = dict[str, dict[str, Any]]


class Database:
    """Records at some revision, as a migration sees them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def go(self, step: Callable[[Config, str], None], revision: str) -> None:
        def migrate_on(connection: Connection) -> None:
            config = migrate._config()
            config.attributes["connection"] = connection
            step(config, revision)

        self._run(migrate_on)

    def execute(self, statement: str, **values: object) -> None:
        given = [
            bindparam(name, value, LargeBinary if isinstance(value, bytes) else DateTime(True))
            for name, value in values.items()
            if not isinstance(value, str | None)
        ]
        plain = {name: value for name, value in values.items() if isinstance(value, str | None)}
        self._run(lambda connection: connection.execute(text(statement).bindparams(*given), plain))

    def rows(self, table: str) -> Rows:
        """By their first column."""

        def read(connection: Connection) -> Rows:
            found = connection.execute(text(f"SELECT * FROM {table}"))
            return {row[0]: dict(row._mapping) for row in found}

        return self._run(read)

    def tables(self) -> set[str]:
        from sqlalchemy import inspect

        return self._run(lambda connection: set(inspect(connection).get_table_names()))

    def _run(self, use: Callable[[Connection], Any]) -> Any:
        async def run() -> Any:
            engine = open_engine(self.url)
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(use)
            finally:
                await engine.dispose()

        return asyncio.run(run())


@pytest.fixture
def database(empty_database_url: str) -> Database:
    """Records at revision 0001 with three keys."""
    if empty_database_url.startswith("sqlite"):
        migrate._make_file(migrate.sqlite_file(empty_database_url))  # type: ignore[arg-type]
    database = Database(empty_database_url)
    database.go(upgrade, "0001")
    database.execute("INSERT INTO tenants VALUES ('acme', :created)", created=EARLY)
    for name, models in (("a", "*"), ("b", "mnist_* res?et[12]"), ("c", "*")):
        database.execute(
            "INSERT INTO keys VALUES (:id, 'acme', :hash, :models, 5, 1, 9, :created, NULL)",
            id=name * 12,
            hash=name.encode() * 32,
            models=models,
            created=EARLY,
        )
    database.execute("UPDATE keys SET revoked = :at WHERE id = 'cccccccccccc'", at=LATER)
    return database


def test_keys_of_models_become_keys_with_the_grants_of_clients(database: Database) -> None:
    before = database.rows("keys")
    database.go(upgrade, "0002")
    after = database.rows("keys")
    assert after["a" * 12]["grants"] == f"{CLIENT}=*"
    assert after["b" * 12]["grants"] == f"{CLIENT}=mnist_*,res?et[12]"
    for key_id, row in before.items():
        kept = row.keys() - {"models"}
        assert {name: row[name] for name in kept} == {name: after[key_id][name] for name in kept}
        assert after[key_id]["networks"] == ""
        assert after[key_id]["expires"] is None


@pytest.mark.parametrize("newest", ["0002", "head"])
def test_going_back_gives_the_same_rows(database: Database, newest: str) -> None:
    before = database.rows("keys")
    database.go(upgrade, newest)
    database.go(downgrade, "0001")
    assert database.rows("keys") == before


@pytest.mark.parametrize(
    "more",
    [
        "grants = 'infer=*'",
        f"grants = '{CLIENT}=a {CLIENT}=b'",
        "networks = '10.0.0.0/8'",
        "expires = '2027-01-01 00:00:00'",
        "not_before = '2027-01-01 00:00:00'",
        "tls_subject = 'CN=x'",
    ],
)
def test_a_key_that_would_be_let_do_more_is_revoked_on_the_way_back(
    database: Database, more: str
) -> None:
    revoked_before = database.rows("keys")["c" * 12]["revoked"]
    database.go(upgrade, "0002")
    database.execute(f"UPDATE keys SET {more} WHERE id = 'bbbbbbbbbbbb'")
    database.go(downgrade, "0001")
    rows = database.rows("keys")
    assert rows["b" * 12]["revoked"] is not None
    assert rows["a" * 12]["revoked"] is None
    assert rows["c" * 12]["revoked"] == revoked_before


def test_tenants_are_still_required(database: Database) -> None:
    database.go(upgrade, "head")
    with pytest.raises(IntegrityError):
        database.execute("UPDATE keys SET tenant = 'nobody'")


def test_keys_of_a_disabled_tenant_are_revoked_on_the_way_back(database: Database) -> None:
    database.go(upgrade, "0003")
    database.execute("INSERT INTO tenants VALUES ('other', :now, NULL)", now=EARLY)
    database.execute("UPDATE keys SET tenant = 'other' WHERE id = 'bbbbbbbbbbbb'")
    database.execute("UPDATE tenants SET disabled = :now WHERE name = 'acme'", now=LATER)
    database.go(downgrade, "0002")
    revoked = {key_id[0]: row["revoked"] for key_id, row in database.rows("keys").items()}
    assert revoked["a"] is not None and revoked["b"] is None


def test_limits_admins_and_audit_go_and_the_list_of_changes_stays(database: Database) -> None:
    database.go(upgrade, "head")

    async def use(records: Records) -> None:
        await records.create_limit("acme", parse_measure(concurrency=8))
        await records.create_limit("acme", parse_measure(concurrency=8), key_id="a" * 12)
        await records.create_admin("ops")

    _use(database, use)
    seen = database.rows("changes")
    database.go(downgrade, "0002")
    assert database.tables().isdisjoint({"limits", "admins", "audit"})
    # The older gateway knows changes of keys alone.
    left = database.rows("changes")
    assert left == {number: _without_tenant(row) for number, row in seen.items() if row["key_id"]}
    assert len(left) == 1
    database.go(upgrade, "head")

    async def use_again(records: Records) -> None:
        # Numbers go on, so that no worker misses a change.
        assert (await records.create_key("acme")).id in (await records.changes_since(3)).key_ids

    _use(database, use_again)


def test_the_schema_in_code_is_the_schema_of_the_migrations(database: Database) -> None:
    database.go(upgrade, "head")

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    assert database._run(differences) == []


def test_all_the_way_down_leaves_no_table(database: Database) -> None:
    database.go(upgrade, "head")
    database.go(downgrade, "base")
    assert database.tables() == {"alembic_version"}


def _use(database: Database, test: Callable[[Records], Awaitable[None]]) -> None:
    with_records(database.url, test)


def _without_tenant(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "tenant"}
