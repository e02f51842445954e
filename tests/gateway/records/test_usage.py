"""Usage in the records: added once, and told by what one asks for."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import InvalidInput
from gateway.records.store import Records
from gateway.records.usage import UsageRecords
from gateway.usage.counts import Account, Counts
from gateway.usage.query import By, UsageQuery

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
HOUR = timedelta(hours=1)


def with_usage(url: str, test: Callable[[UsageRecords], Awaitable[None]]) -> None:
    async def run() -> None:
        records = Records(url)
        try:
            await test(records.usage)
        finally:
            await records.close()

    asyncio.run(run())


def account(tenant: str = "acme", key: str = "k", model: str = "m", hours: int = 0) -> Account:
    return Account(NOON_S + hours * 3600, tenant, key, model)


async def told(usage: UsageRecords, **query: object) -> dict[str, int]:
    rows = await usage.usage(UsageQuery(**query))  # type: ignore[arg-type]
    return {" ".join(row.group): row.counts.requests for row in rows}


def test_a_batch_adds_every_count_to_what_is_there(database_url: str) -> None:
    async def test(usage: UsageRecords) -> None:
        for number in (1, 2):
            assert await usage.add("w", number, {account(): Counts(1, 2, 3, 4, 5, 6)})
        (row,) = await usage.usage(UsageQuery())
        assert row.counts == Counts(2, 4, 6, 8, 10, 12)

    with_usage(database_url, test)


def test_a_batch_that_is_there_or_was_overtaken_adds_nothing(database_url: str) -> None:
    async def test(usage: UsageRecords) -> None:
        batch = {account(): Counts(requests=1)}
        added = [await usage.add("w", number, batch) for number in (1, 1, 3, 2, 3)]
        assert added == [True, False, True, False, False]
        assert await usage.add("another", 1, batch)
        assert await told(usage) == {"acme": 3}

    with_usage(database_url, test)


def test_the_same_batch_from_many_at_once_is_added_once(database_url: str) -> None:
    async def test(usage: UsageRecords) -> None:
        batch = {account(): Counts(requests=1)}
        added = await asyncio.gather(*(usage.add("w", 1, batch) for _ in range(5)))
        assert added.count(True) == 1
        assert await told(usage) == {"acme": 1}

    with_usage(database_url, test)


def test_a_batch_that_fails_half_way_leaves_nothing_and_is_no_known_number(
    database_url: str,
) -> None:
    async def test(usage: UsageRecords) -> None:
        many = {account(key=f"{number:04}"): Counts(requests=1) for number in range(500)}
        broken = {account(key="9999"): Counts(requests=None)}  # type: ignore[arg-type]
        with pytest.raises(Exception, match=r"(?i)not.null"):
            await usage.add("w", 1, many | broken)
        assert await told(usage) == {}
        assert await usage.add("w", 1, many)
        assert await told(usage) == {"acme": 500}

    with_usage(database_url, test)


def test_sums_of_years_are_exact(database_url: str) -> None:
    async def test(usage: UsageRecords) -> None:
        most = 2**60
        for number in (1, 2, 3):
            await usage.add("w", number, {account(): Counts(size_bytes=most, compute_us=1)})
        (row,) = await usage.usage(UsageQuery())
        assert (row.counts.size_bytes, row.counts.compute_us) == (3 * most, 3)

    with_usage(database_url, test)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ([By.TENANT], {"acme": 7, "beta": 8}),
        ([By.KEY], {"k": 11, "l": 4}),
        ([By.MODEL], {"": 4, "m": 11}),
        ([By.DAY], {"2026-11-01": 3, "2026-11-02": 12}),
        (
            [By.HOUR],
            {"2026-11-01T12:00Z": 1, "2026-11-01T13:00Z": 2, "2026-11-02T12:00Z": 12},
        ),
        ([By.DAY, By.TENANT], {"2026-11-01 acme": 3, "2026-11-02 acme": 4, "2026-11-02 beta": 8}),
    ],
)
def test_usage_is_told_by_what_is_asked_for(
    database_url: str, by: list[By], expected: dict[str, int]
) -> None:
    async def test(usage: UsageRecords) -> None:
        await usage.add(
            "w",
            1,
            {
                account(): Counts(requests=1),
                account(hours=1): Counts(requests=2),
                account(hours=24, key="l", model=""): Counts(requests=4),
                account(hours=24, tenant="beta"): Counts(requests=8),
            },
        )
        assert await told(usage, by=by) == expected
        assert await told(usage, tenant="beta") == {"beta": 8}
        assert await told(usage, key="l") == {"acme": 4}
        assert await told(usage, model="m") == {"acme": 3, "beta": 8}
        assert await told(usage, tenant="beta", key="l") == {}

    with_usage(database_url, test)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (NOON, None, 6),
        (NOON + HOUR, None, 4),
        (None, NOON, 1),
        (None, NOON + HOUR, 3),
        (NOON, NOON + HOUR, 2),
        # Hours are whole: a time within one takes all of it.
        (NOON + HOUR * 0.5, NOON + HOUR * 1.5, 6),
        (NOON + HOUR - timedelta(microseconds=1), NOON + HOUR + timedelta(microseconds=1), 6),
    ],
)
def test_a_period_is_of_whole_hours(
    database_url: str, since: datetime | None, until: datetime | None, expected: int
) -> None:
    async def test(usage: UsageRecords) -> None:
        for number, hours in ((1, -1), (2, 0), (3, 1)):
            batch = {account(hours=hours): Counts(requests=2 ** (number - 1))}
            await usage.add("w", number, batch)
        assert await told(usage, since=since, until=until) == {"acme": expected}

    with_usage(database_url, test)


GROUPS = ("Zeta", "acme", "acme-2", "acme.b", "beta", "é")


@pytest.mark.parametrize("by", [[By.TENANT], [By.DAY, By.TENANT], [By.TENANT, By.HOUR]])
def test_groups_behind_one_are_the_rest_in_the_same_order(database_url: str, by: list[By]) -> None:
    async def test(usage: UsageRecords) -> None:
        batch = {
            account(tenant, hours=hours): Counts(requests=1)
            for tenant in GROUPS
            for hours in (0, 24)
        }
        await usage.add("w", 1, batch)
        query = UsageQuery(by=by)
        whole = await usage.usage(query)
        found = await usage.usage(query, most=2)
        while rest := await usage.usage(query, after=found[-1].group, most=2):
            found += rest
        assert found == whole and len(whole) == len(GROUPS) * len(by)

    with_usage(database_url, test)


@pytest.mark.parametrize(
    ("by", "after"), [([By.TENANT], ["a", "b"]), ([By.DAY], ["a"]), ([By.HOUR], ["2026-11-01"])]
)
def test_what_is_no_group_of_the_question_is_refused(
    database_url: str, by: list[By], after: list[str]
) -> None:
    async def test(usage: UsageRecords) -> None:
        with pytest.raises(InvalidInput, match="is no group of usage by"):
            await usage.usage(UsageQuery(by=by), after=after)

    with_usage(database_url, test)


def test_a_writer_that_is_forgotten_begins_anew(database_url: str) -> None:
    async def test(usage: UsageRecords) -> None:
        await usage.add("w", 7, {account(): Counts(requests=1)})
        await usage.forget("w")
        assert await usage.add("w", 1, {account(): Counts(requests=1)})

    with_usage(database_url, test)
