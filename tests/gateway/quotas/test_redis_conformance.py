"""The script in Redis answers what the ledger says: any Renewals, any time, to the last unit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gateway.limits import (
    MAX_BUDGET,
    MAX_CONCURRENCY,
    Budget,
    Concurrency,
    Limit,
    Measure,
    Metric,
    Period,
)
from gateway.quotas.protocol import (
    LIGHT,
    LIGHT_PART,
    LIGHT_PART_OF_BUDGET,
    VERY_LIGHT,
    VERY_LIGHT_STRICTER,
    Ask,
    Given,
    Renewal,
    capacity_of,
)
from gateway.quotas.reaper import last_words
from gateway.rates import MAX_AMOUNT, MAX_BURST, PERIODS_S, Rate
from tests.gateway.quotas.ledger_at_a_time import EXACT, LedgerAtATime
from tests.gateway.quotas.redis_at_a_time import RedisAtATime
from tests.gateway.redis_server import RedisServer

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
SPANS_US = [
    *(0, 1, 17, 999, 99_999, 100_000, 249_999, 250_000, 333_333, SECOND_US - 1, SECOND_US),
    *(
        2 * SECOND_US,
        3 * SECOND_US,
        5 * SECOND_US - 1,
        5 * SECOND_US,
        40 * SECOND_US,
        60 * SECOND_US - 1,
        60 * SECOND_US,
        400 * SECOND_US,
        600 * SECOND_US - 1,
        600 * SECOND_US,
        3_600 * SECOND_US,
        DAY_US,
        31 * DAY_US,
    ),
]
# Ends of months, among them those of leap years and of a year that is none.
STARTS = [
    datetime(*day, 23, 59, 57, tzinfo=UTC)
    for day in [(2026, 11, 26), (2026, 12, 31), (2028, 2, 28), (2028, 2, 29), (2100, 2, 28)]
]
EXAMPLES = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
Measures = Mapping[str, st.SearchStrategy[Measure]]
_runs = count()

amounts = st.sampled_from([1, 2, 3, 7, 99, 1_000, 999_983, MAX_AMOUNT - 1, MAX_AMOUNT])
bursts = st.sampled_from([1, 2, 3, 10, 1_000, 999_999_999_989, MAX_BURST])
rates = st.builds(Rate, amounts, st.sampled_from(sorted(PERIODS_S.values())), bursts)
concurrencies = st.builds(Concurrency, st.sampled_from([1, 2, 7, 1_000_000]))
budgets = st.builds(
    Budget,
    st.sampled_from([0, 1, 5, 1_000, EXACT // 2, MAX_BUDGET - 1, MAX_BUDGET]),
    st.sampled_from(Period),
)
units = st.one_of(
    st.integers(0, 12),
    st.sampled_from([1_000, 10**12, 10**12 + 1, EXACT // 2 - 1, EXACT - 2, EXACT - 1]),
)
spans_us = st.one_of(st.sampled_from(SPANS_US), st.integers(0, 10 * SECOND_US))

# Of so much that leases may be very light. When such a rate is full again must be exact.
large_rates = st.builds(
    Rate,
    st.sampled_from([999_983, MAX_AMOUNT]),
    st.sampled_from([1, 3600]),
    st.sampled_from([MAX_BURST - 1, MAX_BURST]),
)
large_budgets = st.builds(
    Budget, st.sampled_from([MAX_BUDGET - 1, MAX_BUDGET]), st.sampled_from(Period)
)
large_concurrencies = st.builds(
    Concurrency, st.sampled_from([MAX_CONCURRENCY - 1, MAX_CONCURRENCY])
)
# So many times what is wanted must be at most a part of what is left.
edges = st.sampled_from([LIGHT, *3 * [VERY_LIGHT * VERY_LIGHT_STRICTER]])


@dataclass
class Holding:
    """What a holder knows of its lease of one limit."""

    epoch: int = 1
    granted: int = 0
    spent: int = 0
    returned: int = 0

    def hear(self, given: Given) -> None:
        if given.epoch == self.epoch and not given.is_lost:
            self.granted = given.granted

    def begin_anew(self) -> None:
        self.epoch, self.granted, self.spent, self.returned = self.epoch + 1, 0, 0, 0


@dataclass
class Holders:
    """Holders that ask in every way that the protocol allows, and some that it does not."""

    measures: ClassVar[Measures] = {"a": rates, "b": budgets, "c": concurrencies}
    tenants: ClassVar[Sequence[str]] = ("acme", "zeta")
    names: ClassVar[Sequence[str]] = ("h1", "h2", "h3")
    # Spent beyond what was granted.
    debts: ClassVar[Sequence[int]] = (0, 0, 0, 0, 1, 5, 1_000, MAX_BURST)

    data: st.DataObject
    run: int
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    holdings: dict[tuple[str, str, str], Holding] = field(default_factory=dict)
    sent: list[Renewal] = field(default_factory=list)

    def renewal(self) -> Renewal:
        draw = self.data.draw
        if self.sent and draw(st.integers(0, 5)) == 0:
            # Once more, or late.
            return draw(st.sampled_from(self.sent))
        tenant, holder = draw(st.sampled_from(self.tenants)), draw(st.sampled_from(self.names))
        if self.sent and draw(st.integers(0, 9)) == 0:
            # Or so others believe: a store must answer it all the same.
            return self.last_words(draw(st.sampled_from(self.sent)))
        ids = draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True))
        asks = tuple(self.ask(tenant, holder, limit_id) for limit_id in ids)
        renewal = Renewal(
            tenant=f"{tenant}-{self.run}", holder=holder, number=next(self.numbers), asks=asks
        )
        self.sent.append(renewal)
        return renewal

    def last_words(self, sent: Renewal) -> Renewal:
        (renewal,) = last_words(sent.holder, [ask.limit for ask in sent.asks])
        return replace(renewal, tenant=sent.tenant)

    def ask(self, tenant: str, holder: str, limit_id: str) -> Ask:
        draw = self.data.draw
        measure = draw(self.measures[limit_id])
        holding = self.holdings.setdefault((tenant, holder, limit_id), Holding())
        if draw(st.integers(0, 7)) == 0:
            holding.begin_anew()
        left = max(holding.granted - holding.spent - holding.returned, 0)
        if not isinstance(measure, Concurrency):
            # A slot is never spent.
            debt = draw(st.sampled_from(self.debts))
            holding.spent += draw(st.one_of(st.integers(0, left), st.just(left))) + debt
            left = max(holding.granted - holding.spent - holding.returned, 0)
        holding.returned += draw(st.one_of(st.just(0), st.integers(0, left), st.just(left)))
        needs = self.needs(measure)
        return Ask(
            limit=Limit(limit_id, tenant, None, "*", Metric.REQUESTS, measure),
            epoch=holding.epoch,
            granted=holding.granted,
            spent=holding.spent,
            returned=holding.returned,
            quiet_us=draw(spans_us),
            needs=needs,
            needed=needs - draw(st.sampled_from([0, 0, needs // 2, needs])),
            wants=self.wants(measure),
        )

    def needs(self, measure: Measure) -> int:
        draw = self.data.draw
        return draw(units) if draw(st.booleans()) else capacity_of(measure)

    def wants(self, _: Measure) -> int:
        return self.data.draw(units)

    def hear(self, renewal: Renewal, answer: tuple[Given, ...]) -> None:
        if self.data.draw(st.integers(0, 5)) == 0:
            return
        tenant = renewal.tenant.partition("-")[0]
        for ask, part in zip(renewal.asks, answer, strict=True):
            self.holdings[tenant, renewal.holder, ask.limit.id].hear(part)


class FrugalHolders(Holders):
    """They use little of much: about as little as makes leases light, or very light."""

    measures = MappingProxyType({"a": large_rates, "b": large_budgets, "c": large_concurrencies})
    # Few, who ask the more often: at first no lease is very light.
    tenants = ("acme",)
    names = ("h1", "h2")
    debts = (0, 0, 0, 1)

    def needs(self, measure: Measure) -> int:
        return self.wants(measure) if self.data.draw(st.booleans()) else 0

    def wants(self, measure: Measure) -> int:
        part = LIGHT_PART_OF_BUDGET if isinstance(measure, Budget) else LIGHT_PART
        draw = self.data.draw
        holders = draw(st.integers(1, len(self.names)))
        at_most = capacity_of(measure) // (part * draw(edges) * holders)
        return at_most * draw(st.integers(95, 105)) // 100


@pytest.fixture(scope="module")
def redis(redis_server: RedisServer) -> Iterator[RedisAtATime]:
    with redis_server.client() as client:
        yield RedisAtATime(client)


@EXAMPLES
@given(data=st.data())
def test_the_script_answers_what_the_ledger_says(redis: RedisAtATime, data: st.DataObject) -> None:
    compare(redis, Holders(data, next(_runs)))


@settings(EXAMPLES, max_examples=50)
@given(data=st.data())
def test_leases_are_light_and_very_light_where_the_ledger_says(
    redis: RedisAtATime, data: st.DataObject
) -> None:
    compare(redis, FrugalHolders(data, next(_runs)))


def compare(redis: RedisAtATime, holders: Holders) -> None:
    ledger, data = LedgerAtATime(), holders.data
    wall_us = int(data.draw(st.sampled_from(STARTS)).timestamp()) * SECOND_US
    for _ in range(data.draw(st.integers(1, 25))):
        wall_us += data.draw(spans_us)
        if data.draw(st.integers(0, 15)) == 0:
            # Somebody sets the clock back.
            wall_us -= data.draw(spans_us)
        renewal = holders.renewal()
        expected = ledger.renew(renewal, wall_us)
        assume(ledger.is_exact())
        assert redis.renew(renewal, wall_us) == expected
        holders.hear(renewal, expected.given)
