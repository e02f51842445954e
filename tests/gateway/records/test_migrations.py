"""Revisions of the records with data in them, up and down."""

import sqlite3
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from alembic.command import downgrade, upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

from gateway.records import migrate

CLIENT = "config:read,infer,metadata,repository:index,stats"
OLD_ROW = "INSERT INTO keys VALUES (?, 'acme', ?, ?, 5, 1, 9, '2026-01-01 00:00:00', ?)"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Records at revision 0001 with three keys."""
    engine = create_engine(f"sqlite:///{tmp_path}/conch.db")
    _go(engine, upgrade, "0001")
    with _connect(engine) as database:
        database.execute("INSERT INTO tenants VALUES ('acme', '2026-01-01 00:00:00')")
        database.execute(OLD_ROW, ("a" * 12, b"a" * 32, "*", None))
        database.execute(OLD_ROW, ("b" * 12, b"b" * 32, "mnist_* res?et[12]", None))
        database.execute(OLD_ROW, ("c" * 12, b"c" * 32, "*", "2026-02-02 00:00:00"))
    yield engine
    engine.dispose()


def _go(engine: Engine, step: Callable[[Config, str], None], revision: str) -> None:
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        step(config, revision)


def _connect(engine: Engine) -> sqlite3.Connection:
    connection = sqlite3.connect(str(engine.url.database))
    connection.row_factory = sqlite3.Row
    return connection


def _rows(engine: Engine) -> dict[str, sqlite3.Row]:
    with _connect(engine) as database:
        return {row["id"]: row for row in database.execute("SELECT * FROM keys")}


def test_keys_of_models_become_keys_with_the_grants_of_clients(engine: Engine) -> None:
    before = _rows(engine)
    _go(engine, upgrade, "0002")
    after = _rows(engine)
    assert after["a" * 12]["grants"] == f"{CLIENT}=*"
    assert after["b" * 12]["grants"] == f"{CLIENT}=mnist_*,res?et[12]"
    for key_id, row in before.items():
        kept = set(row.keys()) - {"models"}
        assert {name: row[name] for name in kept} == {name: after[key_id][name] for name in kept}
        assert after[key_id]["networks"] == ""
        assert after[key_id]["expires"] is None


def test_going_back_gives_the_same_rows(engine: Engine) -> None:
    before = _rows(engine)
    _go(engine, upgrade, "0002")
    _go(engine, downgrade, "0001")
    after = _rows(engine)
    for key_id, row in before.items():
        assert dict(row) == dict(after[key_id])


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
    engine: Engine, more: str
) -> None:
    _go(engine, upgrade, "0002")
    with _connect(engine) as database:
        database.execute(f"UPDATE keys SET {more} WHERE id = ?", ("b" * 12,))
    _go(engine, downgrade, "0001")
    rows = _rows(engine)
    assert rows["b" * 12]["revoked"] is not None
    assert rows["a" * 12]["revoked"] is None
    assert rows["c" * 12]["revoked"] == "2026-02-02 00:00:00"


def test_tenants_are_still_required(engine: Engine) -> None:
    _go(engine, upgrade, "0002")
    with _connect(engine) as database:
        database.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            database.execute("UPDATE keys SET tenant = 'nobody'")


@pytest.mark.parametrize("step", ["upgrade", "downgrade"])
def test_the_revision_can_be_said_in_the_words_of_postgresql(step: str) -> None:
    said = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": said}
    )
    revision = ScriptDirectory.from_config(migrate._config()).get_revision("0002")
    assert revision is not None
    with Operations.context(context):
        getattr(revision.module, step)()
    assert "ALTER TABLE keys" in said.getvalue()
    assert "UPDATE keys SET" in said.getvalue()
