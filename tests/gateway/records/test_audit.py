"""The audit log: an entry for each change, in the same transaction, for ever."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.errors import InvalidInput
from gateway.measures import parse_measure
from gateway.records.migrate import migrate
from gateway.records.store import Records
from tests.gateway.records.using import ACTOR, with_records


def test_every_change_is_told_with_actor_before_and_after(database_url: str) -> None:
    async def test(records: Records) -> None:
        key = await records.create_key("acme", rate="5/s")
        await records.rotate_key(key.id, timedelta())
        limit = await records.create_limit("acme", parse_measure(budget="10/day"))
        other = records.acting_as("admin:ops")
        await other.change_limit(limit.id, parse_measure(budget="20/day"))
        await other.remove_limit(limit.id)
        await other.revoke_key(key.id)
        await records.set_tenant_disabled("acme", is_disabled=True)
        await records.create_admin("ops")
        await records.revoke_admin("ops")
        entries = (await records.list_audit())[::-1]
        assert [(entry.actor, entry.action, entry.subject) for entry in entries] == [
            (ACTOR, "tenant.create", "acme"),
            (ACTOR, "key.create", key.id),
            (ACTOR, "key.rotate", key.id),
            (ACTOR, "limit.create", limit.id),
            ("admin:ops", "limit.change", limit.id),
            ("admin:ops", "limit.remove", limit.id),
            ("admin:ops", "key.revoke", key.id),
            (ACTOR, "tenant.disable", "acme"),
            (ACTOR, "admin.create", "ops"),
            (ACTOR, "admin.revoke", "ops"),
        ]
        changed = entries[4]
        assert changed.before is not None and changed.after is not None
        assert (changed.before["budget"], changed.after["budget"]) == ("10/day", "20/day")
        assert entries[1].before is None and entries[5].after is None
        assert entries[1].after is not None and entries[1].after["rate"] == "5/s"
        assert timedelta() <= datetime.now(UTC) - entries[-1].at < timedelta(minutes=1)

    with_records(database_url, test)


def test_nothing_secret_is_in_it(database_url: str) -> None:
    async def test(records: Records) -> None:
        key = await records.create_key("acme")
        token = await records.create_admin("ops")
        rotated = await records.rotate_key(key.id, timedelta(hours=1))
        written = repr(await records.list_audit())
        for secret in (key.token, rotated.token, token):
            assert secret.split("_")[-2] not in written

    with_records(database_url, test)


def test_a_change_that_fails_leaves_no_entry(database_url: str) -> None:
    async def test(records: Records) -> None:
        with pytest.raises(InvalidInput):
            await records.revoke_key("nope")
        await records.create_certificate_key("acme", "CN=x")
        seen = len(await records.list_audit())
        with pytest.raises(InvalidInput):
            # Its tenant would be made on the way.
            await records.create_certificate_key("new", "CN=x")
        assert len(await records.list_audit()) == seen
        assert await records.find_tenant("new") is None

    with_records(database_url, test)


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_database_itself_refuses_to_change_it(database_url: str, statement: str) -> None:
    async def test(records: Records) -> None:
        await records.create_tenant("acme")
        with pytest.raises(DBAPIError, match="the audit log is append only"):
            async with records._engine.begin() as connection:
                await connection.execute(text(statement))
        (entry,) = await records.list_audit()
        assert entry.actor == ACTOR

    with_records(database_url, test)


def test_entries_are_filtered_and_paged_the_newest_first(database_url: str) -> None:
    async def test(records: Records) -> None:
        for name in ("a", "b", "c"):
            await records.create_tenant(name)
        first = await records.list_audit(most=2)
        rest = await records.list_audit(before=first[-1].id)
        assert [entry.subject for entry in first + rest] == ["c", "b", "a"]
        assert [entry.subject for entry in await records.list_audit(subject="b")] == ["b"]

    with_records(database_url, test)


def test_what_is_a_tenants_is_found_by_its_name(database_url: str) -> None:
    async def test(records: Records) -> None:
        key = await records.create_key("acme")
        await records.create_key("other")
        limit = await records.create_limit("acme", parse_measure(concurrency=8))
        await records.remove_limit(limit.id)
        found = await records.list_audit(subject="acme")
        assert [entry.subject for entry in found] == [limit.id, limit.id, key.id, "acme"]
        assert len(await records.list_audit(subject=key.id)) == 1

    with_records(database_url, test)


def test_sqlite_refuses_to_replace_it(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/conch.db"
    asyncio.run(migrate(url))

    async def test(records: Records) -> None:
        await records.create_tenant("acme")
        replace = "REPLACE INTO audit SELECT id, at, 'x', action, subject, before, after FROM audit"
        with pytest.raises(DBAPIError, match="the audit log is append only"):
            async with records._engine.begin() as connection:
                await connection.execute(text(replace))

    with_records(url, test)
