"""Records brought up to date, and what is told of records that cannot be used."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from gateway.errors import ConfigurationError
from gateway.records import migrate as migrations
from gateway.records.engine import open_engine
from gateway.records.migrate import downgrade, migrate, require_current
from gateway.records.store import Records
from tests.gateway.records.using import with_records


def _url(directory: Path) -> str:
    return f"sqlite+aiosqlite:///{directory}/new/conch.db"


def test_migrating_twice_keeps_what_is_there(database_url: str) -> None:
    async def test(records: Records) -> None:
        await records.create_key("acme")
        await migrate(database_url)
        assert await records.key_count() == 1

    with_records(database_url, test)
    asyncio.run(require_current(database_url))


def test_missing_records_are_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no records at"):
        asyncio.run(require_current(_url(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"junk" * 1000)
    with pytest.raises(ConfigurationError, match="cannot be read: file is not a database"):
        asyncio.run(require_current(f"sqlite+aiosqlite:///{tmp_path}/junk.db"))


def test_records_without_tables_are_told(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    sqlite3.connect(tmp_path / "new" / "conch.db").close()
    with pytest.raises(ConfigurationError, match="revision None, this gateway needs"):
        asyncio.run(require_current(empty_database_url))


def test_records_of_a_newer_version_are_told_and_left_alone(database_url: str) -> None:
    async def test(records: Records) -> None:
        async with records._engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for use in (require_current, migrate):
            with pytest.raises(ConfigurationError, match=r"revision 9999, which this version"):
                await use(database_url)
        assert await records.key_count() == 0

    with_records(database_url, test)


def test_records_go_down_to_an_older_revision_and_up_again(database_url: str) -> None:
    asyncio.run(downgrade(database_url, "0002"))
    with pytest.raises(ConfigurationError, match="at revision 0002, this gateway needs"):
        asyncio.run(require_current(database_url))
    with pytest.raises(ConfigurationError, match="nonsense"):
        asyncio.run(downgrade(database_url, "nonsense"))
    asyncio.run(migrate(database_url))
    asyncio.run(require_current(database_url))


@pytest.mark.parametrize("url", ["nonsense", "postgres+nodriver://x/y", "mysql+aiomysql://x/y"])
def test_a_url_that_cannot_be_used_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CONCH_DATABASE_URL"):
        asyncio.run(migrate(url))


def test_a_migration_that_was_cut_off_leaves_nothing_behind(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = migrations._upgrade

    def cut_off(connection: Connection) -> None:
        whole(connection)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "_upgrade", cut_off)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(migrate(empty_database_url))
    assert not asyncio.run(_tables(empty_database_url))
    asyncio.run(migrate(empty_database_url))
    asyncio.run(require_current(empty_database_url))


def test_migrations_started_at_once_do_not_collide(empty_database_url: str) -> None:
    program = (
        "import asyncio, sys; from gateway.records.migrate import migrate;"
        "asyncio.run(migrate(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, empty_database_url]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(timeout=30) for process in processes] == [0, 0, 0, 0]


async def _tables(url: str) -> list[str]:
    from sqlalchemy import inspect

    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    finally:
        await engine.dispose()
