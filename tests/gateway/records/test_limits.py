"""Limits in the records; on both kinds of database."""

import pytest

from gateway.errors import InvalidInput, RecordConflict, UnknownRecord
from gateway.limits import MAX_BUDGET, Limit, Measure, Metric
from gateway.measures import parse_measure
from gateway.records import limits
from gateway.records.store import Records
from tests.gateway.records.using import found, with_records

EIGHT = parse_measure(concurrency=8)


@pytest.mark.parametrize(
    ("measure", "metric"),
    [
        (parse_measure(rate="100/s", burst=200), Metric.REQUESTS),
        (parse_measure(rate="6000/m"), Metric.SAMPLES),
        (parse_measure(rate="10/h", burst=1), Metric.BYTES),
        (EIGHT, Metric.REQUESTS),
        (parse_measure(budget="1000000/day"), Metric.SAMPLES),
        (parse_measure(budget=f"{MAX_BUDGET}/month"), Metric.COMPUTE_MS),
    ],
)
def test_a_limit_is_read_as_it_was_made(
    database_url: str, measure: Measure, metric: Metric
) -> None:
    async def test(records: Records) -> None:
        await records.create_tenant("acme")
        made = await records.create_limit("acme", measure, models="mnist_*", metric=metric)
        assert made == Limit(made.id, "acme", None, "mnist_*", metric, measure)
        assert await records.find_limit(made.id) == made
        assert await records.list_limits() == [made]

    with_records(database_url, test)


def test_a_key_brings_its_own_limits_and_those_of_its_tenant(database_url: str) -> None:
    async def test(records: Records) -> None:
        ours, sibling, other = [await records.create_key(tenant) for tenant in ("a", "a", "b")]
        of_tenant = await records.create_limit("a", EIGHT)
        of_key = await records.create_limit("a", EIGHT, key_id=ours.id)
        await records.create_limit("a", EIGHT, key_id=sibling.id)
        of_other = await records.create_limit("b", EIGHT)
        assert set((await found(records, ours.id)).limits) == {of_tenant, of_key}
        assert (await found(records, other.id)).limits == (of_other,)
        assert set(await records.limits_of("a", ours.id)) == {of_tenant, of_key}
        assert await records.limits_of("a") == (of_tenant,)
        listed = {key.id: set(key.limits) for key in await records.list_keys()}
        assert listed[ours.id] == {of_tenant, of_key} and listed[other.id] == {of_other}

    with_records(database_url, test)


def test_a_changed_limit_keeps_its_id_and_its_kind(database_url: str) -> None:
    async def test(records: Records) -> None:
        await records.create_tenant("acme")
        made = await records.create_limit("acme", parse_measure(rate="1/s"), models="a")
        changed = await records.change_limit(made.id, parse_measure(rate="2/m", burst=7))
        expected = Limit(
            made.id, "acme", None, "a", made.metric, parse_measure(rate="2/m", burst=7)
        )
        assert changed == expected == await records.find_limit(made.id)
        with pytest.raises(RecordConflict, match="is a rate, and a concurrency"):
            await records.change_limit(made.id, EIGHT)

    with_records(database_url, test)


def test_a_removed_limit_is_gone(database_url: str) -> None:
    async def test(records: Records) -> None:
        await records.create_tenant("acme")
        made = await records.create_limit("acme", EIGHT)
        assert await records.remove_limit(made.id) == made
        assert await records.find_limit(made.id) is None
        for change in (records.remove_limit(made.id), records.change_limit(made.id, EIGHT)):
            with pytest.raises(UnknownRecord, match=f"no limit '{made.id}'"):
                await change

    with_records(database_url, test)


def test_limits_are_filtered_and_paged(database_url: str) -> None:
    async def test(records: Records) -> None:
        key = await records.create_key("a")
        await records.create_tenant("b")
        made = [await records.create_limit(tenant, EIGHT) for tenant in ("a", "a", "b")]
        made.append(await records.create_limit("a", EIGHT, key_id=key.id))
        first = await records.page_of_limits(most=3)
        rest = await records.page_of_limits(after=first[-1].id, most=3)
        assert [limit.id for limit in first + rest] == sorted(limit.id for limit in made)
        assert await records.page_of_limits(key_id=key.id) == [made[3]]
        assert await records.page_of_limits(tenant="b") == [made[2]]
        assert [limit.id for limit in await records.list_limits(tenant="b")] == [made[2].id]

    with_records(database_url, test)


def test_a_limit_of_nobody_is_not_made(database_url: str) -> None:
    async def test(records: Records) -> None:
        key = await records.create_key("acme")
        await records.create_tenant("other")
        seen = await records.last_change()
        with pytest.raises(UnknownRecord, match="conch tenants create nobody"):
            await records.create_limit("nobody", EIGHT)
        with pytest.raises(InvalidInput, match="tenant 'a b' is not a name"):
            await records.create_limit("a b", EIGHT)
        with pytest.raises(UnknownRecord, match=f"'other' has no key '{key.id}'"):
            await records.create_limit("other", EIGHT, key_id=key.id)
        with pytest.raises(InvalidInput, match="model pattern 'a b'"):
            await records.create_limit("acme", EIGHT, models="a b")
        with pytest.raises(InvalidInput, match="concurrency counts requests"):
            await records.create_limit("acme", EIGHT, metric=Metric.BYTES)
        assert (await records.last_change(), await records.list_limits()) == (seen, [])

    with_records(database_url, test)


def test_one_owner_has_room_for_so_many(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LIMITS", 2)

    async def test(records: Records) -> None:
        key = await records.create_key("acme")
        for _ in range(2):
            await records.create_limit("acme", EIGHT)
        with pytest.raises(RecordConflict, match=r"^tenant 'acme' has 2 limits .*limits remove ID"):
            await records.create_limit("acme", EIGHT)
        for _ in range(2):
            await records.create_limit("acme", EIGHT, key_id=key.id)
        with pytest.raises(RecordConflict, match=f"^key '{key.id}' of tenant 'acme' has 2 limits"):
            await records.create_limit("acme", EIGHT, key_id=key.id)

    with_records(database_url, test)
