"""What the script does beside the ledger's arithmetic: calendar, expiry, what was forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import pytest

from gateway.limits import Budget, Concurrency, Period
from gateway.quotas.protocol import Kind
from gateway.quotas.redis_messages import account_keys
from gateway.quotas.windows import window_end_us
from gateway.rates import MAX_BURST, Rate
from tests.gateway.quotas.asks import TEN_SLOTS, ask_of, renewal_of
from tests.gateway.quotas.redis_at_a_time import RedisAtATime
from tests.gateway.redis_server import RedisServer

SECOND_US = 1_000_000
NOON_US = int(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()) * SECOND_US
MIDNIGHT_US = NOON_US + 12 * 3600 * SECOND_US
HOUR_US = 3600 * SECOND_US
_tenants = count()


@pytest.fixture(scope="module")
def redis(redis_server: RedisServer) -> Iterator[RedisAtATime]:
    with redis_server.client() as client:
        yield RedisAtATime(client)


@pytest.fixture
def tenant() -> str:
    return f"script-{next(_tenants)}"


@pytest.mark.parametrize("period", Period)
def test_windows_end_when_the_calendar_says(redis: RedisAtATime, period: Period) -> None:
    firsts = [
        datetime(year, month, 1, tzinfo=UTC) for year in range(1999, 2102) for month in (3, 1)
    ]
    for first in firsts:
        for wall_us in (first_us := int(first.timestamp()) * SECOND_US, first_us - 1):
            renewal = renewal_of(ask_of(Budget(5, period)), tenant=f"{period}-{wall_us}")
            (given,) = redis.renew(renewal, wall_us).given
            assert wall_us + given.window_us == window_end_us(Kind(period), wall_us)


MEASURES = [
    Rate(3, 1, 20),
    Rate(7, 3600, 5),
    Rate(1, 3600, MAX_BURST),
    Concurrency(9),
    Budget(50, Period.DAY),
    Budget(50, Period.MONTH),
]


@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_when_an_account_goes_a_new_one_says_the_same(
    redis: RedisAtATime, tenant: str, measure: Rate | Concurrency | Budget
) -> None:
    wall_us = NOON_US
    for holder, number, wants in [("h1", 1, 4), ("h2", 2, 2), ("h1", 1, 4), ("h3", 3, 9)]:
        wall_us += 1_234_567
        ask = ask_of(measure, wants=wants)
        renewal = renewal_of(ask, number=number, holder=holder, tenant=tenant)
        redis.renew(renewal, wall_us)
    gone_us = wall_us + redis.silent_us(*account_keys(renewal))
    fresh = renewal_of(ask_of(measure, needs=1, wants=3), holder="h9", tenant=tenant)
    kept = redis.renew(fresh, gone_us)
    redis.forget(fresh)
    assert redis.renew(fresh, gone_us) == kept


@pytest.mark.parametrize(
    ("measure", "silent_s"),
    [
        # A lease lasts five seconds, and its four units are back after two more.
        (Rate(2, 1, 20), 5 + 2),
        (Concurrency(9), 5),
        # Until midnight, and a day for a clock that is set back.
        (Budget(50, Period.DAY), 36 * 3600),
    ],
    ids=str,
)
def test_an_account_goes_when_it_says_nothing(
    redis: RedisAtATime, tenant: str, measure: Rate | Concurrency | Budget, silent_s: int
) -> None:
    renewal = renewal_of(ask_of(measure, wants=4), tenant=tenant)
    redis.renew(renewal, NOON_US)
    assert 0 <= redis.silent_us(*account_keys(renewal)) - silent_s * SECOND_US <= 2_000


def test_a_window_is_over_at_midnight_to_the_microsecond(redis: RedisAtATime, tenant: str) -> None:
    spent = ask_of(Budget(10, Period.DAY), spent=10)
    redis.renew(renewal_of(spent, tenant=tenant), MIDNIGHT_US - 1)
    fresh = renewal_of(ask_of(Budget(10, Period.DAY)), holder="h2", tenant=tenant)
    assert redis.renew(fresh, MIDNIGHT_US - 1).given[0].left == 0
    assert redis.renew(fresh, MIDNIGHT_US).given[0].left == 10


def test_a_clock_that_is_set_back_ends_no_window_and_no_lease(
    redis: RedisAtATime, tenant: str
) -> None:
    budget = Budget(10, Period.DAY)
    redis.renew(renewal_of(ask_of(budget, needs=8), tenant=tenant), MIDNIGHT_US)
    other = renewal_of(ask_of(budget, needs=3), holder="h2", tenant=tenant)
    (given,) = redis.renew(other, MIDNIGHT_US - HOUR_US).given
    assert (given.granted, given.left) == (0, 2)


def test_a_lease_ends_in_time_though_the_clock_was_set_back(
    redis: RedisAtATime, tenant: str
) -> None:
    redis.renew(renewal_of(ask_of(TEN_SLOTS, needs=10), tenant=tenant), NOON_US)
    other = renewal_of(ask_of(TEN_SLOTS, needs=1), holder="h2", tenant=tenant)
    (given,) = redis.renew(other, NOON_US - HOUR_US).given
    assert given.granted == 0
    later = renewal_of(ask_of(TEN_SLOTS, needs=1), number=2, holder="h2", tenant=tenant)
    (given,) = redis.renew(later, NOON_US - HOUR_US + 5 * SECOND_US).given
    assert given.granted == 1


def test_what_the_holder_was_told_counts_though_redis_has_forgotten_it(
    redis: RedisAtATime, tenant: str
) -> None:
    budget = Budget(10, Period.DAY)
    redis.renew(renewal_of(ask_of(budget, needs=2), tenant=tenant), NOON_US)
    told = ask_of(budget, granted=7, spent=1)
    assert redis.forgotten(renewal_of(told, number=2, tenant=tenant), NOON_US) == 5
    other = renewal_of(ask_of(budget), holder="h2", tenant=tenant)
    assert redis.renew(other, NOON_US).given[0].left == 3
