"""The list by which workers learn what they are to read anew; on both kinds of database."""

import asyncio

from gateway.measures import parse_measure
from gateway.records.changes import Changes
from gateway.records.store import Records
from tests.gateway.records.using import with_records

MEASURE = parse_measure(concurrency=8)


def test_changes_of_keys_are_numbered_from_where_one_left_off(database_url: str) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        seen = await records.last_change()
        assert await records.changes_since(seen) == Changes(seen, [], [])
        second = await records.create_key("acme")
        await records.revoke_key(first.id)
        assert await records.changes_since(seen) == Changes(seen + 2, [second.id, first.id], [])
        assert await records.last_change() == seen + 2

    with_records(database_url, test)


def test_a_tenant_or_its_limit_changes_all_that_is_the_tenants(database_url: str) -> None:
    async def test(records: Records) -> None:
        await records.create_key("acme")
        for change in (
            records.set_tenant_disabled("acme", is_disabled=True),
            records.set_tenant_disabled("acme", is_disabled=False),
            records.create_limit("acme", MEASURE),
        ):
            seen = await records.last_change()
            await change
            assert await records.changes_since(seen) == Changes(seen + 1, [], ["acme"])

    with_records(database_url, test)


def test_a_limit_of_a_key_changes_that_key_alone(database_url: str) -> None:
    async def test(records: Records) -> None:
        key = await records.create_key("acme")
        seen = await records.last_change()
        limit = await records.create_limit("acme", MEASURE, key_id=key.id)
        await records.change_limit(limit.id, parse_measure(concurrency=9))
        await records.remove_limit(limit.id)
        assert await records.changes_since(seen) == Changes(seen + 3, [key.id] * 3, [])

    with_records(database_url, test)


def test_what_changes_nothing_for_workers_is_no_change_for_them(database_url: str) -> None:
    async def test(records: Records) -> None:
        seen = await records.last_change()
        await records.create_tenant("acme")
        await records.create_admin("ops")
        assert await records.changes_since(seen) == Changes(seen + 2, [], [])

    with_records(database_url, test)


def test_writers_at_one_time_get_different_numbers(database_url: str) -> None:
    async def test(records: Records) -> None:
        made = await asyncio.gather(*(records.create_key(f"t{n % 3}") for n in range(20)))
        changes = await records.changes_since(0)
        # The tenants are made on the way, each once.
        assert changes.last == 20 + 3
        assert sorted(changes.key_ids) == sorted(new.id for new in made)
        assert [tenant.key_count for tenant in await records.page_of_tenants()] == [7, 7, 6]

    with_records(database_url, test)
