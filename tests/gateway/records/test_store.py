"""Keys in the records: made, found, listed, revoked, and the list of changes."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gateway import keys
from gateway.errors import ConfigurationError, InvalidInput
from gateway.permissions import client_grants
from gateway.rates import Limit
from gateway.records import migrate as migrations
from gateway.records.migrate import migrate, require_current
from gateway.records.store import Records


def _url(directory: Path) -> str:
    return f"sqlite+aiosqlite:///{directory}/new/conch.db"


def _with_records(directory: Path, test: Callable[[Records], Awaitable[None]]) -> None:
    async def run() -> None:
        await migrate(_url(directory))
        records = Records(_url(directory))
        try:
            await test(records)
        finally:
            await records.close()

    asyncio.run(run())


def test_a_key_is_found_by_the_id_in_its_token_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        new = await records.create_key("acme", rate="100/s", burst=200, models=["a*", "b"])
        key = await records.find_key(new.id)
        assert key is not None
        assert (key.tenant, key.limit, key.grants) == (
            "acme",
            Limit(100, 1, 200),
            client_grants(("a*", "b")),
        )
        assert keys.matches(key, keys.hash_token(new.token.encode()))
        assert key.created.tzinfo is not None and key.revoked is None

    _with_records(tmp_path, test)
    for file in tmp_path.rglob("conch.db*"):
        assert b"ck_" not in file.read_bytes()


def test_an_unknown_id_is_not_found(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        assert await records.find_key("nope") is None

    _with_records(tmp_path, test)


def test_keys_are_listed_and_counted_the_revoked_included(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        second = await records.create_key("other")
        await records.revoke_key(first.id)
        listed = await records.list_keys()
        assert [key.id for key in listed] == [first.id, second.id]
        assert listed[0].revoked is not None and listed[0].limit is None
        assert await records.key_count() == 2

    _with_records(tmp_path, test)


def test_changes_are_numbered_from_where_one_left_off(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        seen = await records.last_change()
        assert await records.changes_since(seen) == (seen, [])
        second = await records.create_key("acme")
        await records.revoke_key(first.id)
        last, changed = await records.changes_since(seen)
        assert changed == [second.id, first.id]
        assert last == await records.last_change() == seen + 2

    _with_records(tmp_path, test)


def test_only_a_key_in_force_can_be_revoked_and_a_failed_try_changes_nothing(
    tmp_path: Path,
) -> None:
    async def test(records: Records) -> None:
        new = await records.create_key("acme")
        await records.revoke_key(new.id)
        seen = await records.last_change()
        for key_id in (new.id, "nope"):
            with pytest.raises(InvalidInput, match=key_id):
                await records.revoke_key(key_id)
        assert await records.last_change() == seen

    _with_records(tmp_path, test)


def test_writers_at_one_time_get_different_numbers(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        made = await asyncio.gather(*(records.create_key(f"t{n % 3}") for n in range(20)))
        last, changed = await records.changes_since(0)
        assert last == 20
        assert sorted(changed) == sorted(new.id for new in made)

    _with_records(tmp_path, test)


@pytest.mark.parametrize(
    ("tenant", "rate", "burst", "models", "named"),
    [
        ("", None, None, ["*"], "tenant ''"),
        ("a b", None, None, ["*"], "tenant 'a b'"),
        ("x" * 65, None, None, ["*"], "tenant"),
        ("acme", "100/x", None, ["*"], "rate '100/x'"),
        ("acme", "1/s", 0, ["*"], "burst 0"),
        ("acme", None, 5, ["*"], "without a rate"),
        ("acme", None, None, [], "0 model patterns"),
        ("acme", None, None, ["a b"], "'a b'"),
        ("acme", None, None, ["a"] * 32, "32 model patterns"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_made(
    tmp_path: Path,
    tenant: str,
    rate: str | None,
    burst: int | None,
    models: Sequence[str],
    named: str,
) -> None:
    async def test(records: Records) -> None:
        with pytest.raises(InvalidInput, match=named):
            await records.create_key(tenant, rate=rate, burst=burst, models=models)
        assert await records.key_count() == 0

    _with_records(tmp_path, test)


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
