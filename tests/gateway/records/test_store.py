"""Keys in the records: made, found, listed, revoked, and the list of changes."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gateway import keys
from gateway.errors import ConfigurationError, InvalidInput
from gateway.keys import USUAL_TERMS, Key, Terms
from gateway.permissions import parse_grants
from gateway.rates import Rate
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
        terms = Terms(grants=parse_grants(["infer,stats=a*,b", "metadata"]))
        new = await records.create_key("acme", rate="100/s", burst=200, terms=terms)
        key = await records.find_key(new.id)
        assert key is not None
        assert (key.tenant, key.limit, key.grants) == (
            "acme",
            Rate(100, 1, 200),
            terms.grants,
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


async def _found(records: Records, key_id: str) -> Key:
    key = await records.find_key(key_id)
    assert key is not None
    return key


def test_a_key_keeps_its_terms(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    terms = Terms(
        grants=USUAL_TERMS.grants,
        not_before=now,
        expires=now + timedelta(days=30),
        networks=("10.0.0.0/8", "2001:db8::/32"),
    )

    async def test(records: Records) -> None:
        key = await _found(records, (await records.create_key("acme", terms=terms)).id)
        assert (key.not_before, key.expires, key.networks) == (
            terms.not_before,
            terms.expires,
            terms.networks,
        )

    _with_records(tmp_path, test)


def test_a_key_that_would_never_hold_is_not_made(tmp_path: Path) -> None:
    terms = Terms(grants=USUAL_TERMS.grants, expires=datetime.now(UTC))

    async def test(records: Records) -> None:
        with pytest.raises(InvalidInput, match="has passed already"):
            await records.create_key("acme", terms=terms)
        assert await records.key_count() == 0

    _with_records(tmp_path, test)


def test_a_rotated_key_has_two_secrets_and_every_worker_is_told(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        seen = await records.last_change()
        second = await records.rotate_key(first.id, timedelta(hours=1))
        key = await _found(records, first.id)
        assert second.id == first.id and second.token != first.token
        for token in (first.token, second.token):
            assert keys.matches(key, keys.hash_token(token.encode()))
        left_s = (
            keys.ends_s(key, keys.hash_token(first.token.encode())) - datetime.now().timestamp()
        )
        assert 3590 < left_s <= 3600
        assert (await records.changes_since(seen))[1] == [first.id]

    _with_records(tmp_path, test)


def test_without_an_overlap_the_old_secret_ends_at_once(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        await records.rotate_key(first.id, timedelta())
        key = await _found(records, first.id)
        assert not keys.matches(key, keys.hash_token(first.token.encode()))
        assert key.old_ends is None

    _with_records(tmp_path, test)


def test_a_third_secret_waits_for_the_overlap_or_ends_both(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        second = await records.rotate_key(first.id, timedelta(hours=1))
        seen = await records.last_change()
        with pytest.raises(InvalidInput, match=r"two secrets until .*--overlap 0h"):
            await records.rotate_key(first.id, timedelta(hours=1))
        assert await records.last_change() == seen
        third = await records.rotate_key(first.id, timedelta())
        key = await _found(records, first.id)
        matching = [
            keys.matches(key, keys.hash_token(new.token.encode())) for new in (first, second, third)
        ]
        assert matching == [False, False, True]

    _with_records(tmp_path, test)


def test_only_a_key_in_force_with_a_secret_can_be_rotated(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        revoked = (await records.create_key("acme")).id
        await records.revoke_key(revoked)
        for key_id in (revoked, "nope"):
            with pytest.raises(InvalidInput, match=f"no key '{key_id}' is in force"):
                await records.rotate_key(key_id, timedelta())
        key_id = await records.create_certificate_key("acme", "CN=x")
        with pytest.raises(InvalidInput, match="certificate of CN=x"):
            await records.rotate_key(key_id, timedelta())

    _with_records(tmp_path, test)


def test_a_certificate_stands_for_one_key(tmp_path: Path) -> None:
    async def test(records: Records) -> None:
        key_id = await records.create_certificate_key("acme", "CN=x,O=y")
        key = await records.find_subject("CN=x,O=y")
        assert key is not None and key.id == key_id
        assert keys.matches(key, keys.hash_subject("CN=x,O=y"))
        assert await records.find_subject("CN=X,O=y") is None
        seen = await records.last_change()
        with pytest.raises(InvalidInput, match="'CN=x,O=y' has a key already"):
            await records.create_certificate_key("other", "CN=x,O=y")
        assert (await records.last_change(), await records.key_count()) == (seen, 1)

    _with_records(tmp_path, test)


def test_the_last_use_is_written_once_a_minute_and_is_no_change(tmp_path: Path) -> None:
    noon = datetime(2027, 1, 31, 12, tzinfo=UTC)

    async def test(records: Records) -> None:
        used, other = await records.create_key("acme"), await records.create_key("acme")
        seen = await records.last_change()
        written = []
        # The second is another worker's, in the same minute.
        for after_s in (0, 59, 60, 30):
            await records.note_used({used.id: noon + timedelta(seconds=after_s), "nope": noon})
            written.append((await _found(records, used.id)).last_used)
        assert written == [noon, noon, noon + timedelta(minutes=1), noon + timedelta(minutes=1)]
        assert (await _found(records, other.id)).last_used is None
        await records.note_used({})
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
    ("tenant", "rate", "burst", "named"),
    [
        ("", None, None, "tenant ''"),
        ("a b", None, None, "tenant 'a b'"),
        ("x" * 65, None, None, "tenant"),
        ("acme", "100/x", None, "rate '100/x'"),
        ("acme", "1/s", 0, "burst 0"),
        ("acme", None, 5, "without a rate"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_made(
    tmp_path: Path,
    tenant: str,
    rate: str | None,
    burst: int | None,
    named: str,
) -> None:
    async def test(records: Records) -> None:
        with pytest.raises(InvalidInput, match=named):
            await records.create_key(tenant, rate=rate, burst=burst)
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
