"""Keys in the records: made, found, listed, revoked, and the list of changes."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gateway.errors import ConfigurationError
from gateway.records import migrate as migrations
from gateway.records.migrate import migrate, require_current
from gateway.records.store import Records


def test_migrating_twice_keeps_what_is_there(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        await records.create_key("acme")
        await migrate(_url(tmp_path))
        assert await records.key_count() == 1

    _with_records(tmp_path, test)
    asyncio.run(require_current(_url(tmp_path)))


def test_missing_records_are_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no records at"):
        asyncio.run(require_current(_url(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_an_older_revision_and_a_file_that_is_no_database_are_told(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "junk.db").write_bytes(b"junk" * 1000)
    with pytest.raises(ConfigurationError, match="revision None"):
        asyncio.run(require_current(f"sqlite+aiosqlite:///{tmp_path}/empty.db"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        asyncio.run(require_current(f"sqlite+aiosqlite:///{tmp_path}/junk.db"))


@pytest.mark.parametrize("url", ["nonsense", "postgres+nodriver://x/y"])
def test_a_url_that_cannot_be_used_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CONCH_DATABASE_URL"):
        asyncio.run(migrate(url))


def test_the_schema_in_code_is_the_schema_of_the_migrations(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    from gateway.records.schema import METADATA

    asyncio.run(migrate(_url(tmp_path)))
    engine = create_engine(f"sqlite:///{tmp_path}/new/conch.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_a_migration_that_was_cut_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = migrations._upgrade

    def cut_off(connection: Connection) -> None:
        whole(connection)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "_upgrade", cut_off)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(migrate(_url(tmp_path)))
    asyncio.run(migrate(_url(tmp_path)))
    asyncio.run(require_current(_url(tmp_path)))


def test_migrations_started_at_once_do_not_collide(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from gateway.records.migrate import migrate;"
        "asyncio.run(migrate(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, _url(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(timeout=30) for process in processes] == [0, 0, 0, 0]
