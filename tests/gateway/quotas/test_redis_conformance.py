"""The script in Redis answers what the ledger says: any Renewals, any time, to the last unit."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gateway.limits import MAX_BUDGET, Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.protocol import Ask, Given, Renewal, capacity_of
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
TENANTS = ("acme", "zeta")
HOLDERS = ("h1", "h2", "h3")
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
        tenant, holder = draw(st.sampled_from(TENANTS)), draw(st.sampled_from(HOLDERS))
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
        measure = draw({"a": rates, "b": budgets, "c": concurrencies}[limit_id])
        holding = self.holdings.setdefault((tenant, holder, limit_id), Holding())
        if draw(st.integers(0, 7)) == 0:
            holding.begin_anew()
        left = max(holding.granted - holding.spent - holding.returned, 0)
        if not isinstance(measure, Concurrency):
            # Debt is spent beyond what was granted. A slot is never spent.
            debt = draw(st.sampled_from([0, 0, 0, 0, 1, 5, 1_000, MAX_BURST]))
            holding.spent += draw(st.one_of(st.integers(0, left), st.just(left))) + debt
            left = max(holding.granted - holding.spent - holding.returned, 0)
        holding.returned += draw(st.one_of(st.just(0), st.integers(0, left), st.just(left)))
        return Ask(
            limit=Limit(limit_id, tenant, None, "*", Metric.REQUESTS, measure),
            epoch=holding.epoch,
            granted=holding.granted,
            spent=holding.spent,
            returned=holding.returned,
            quiet_us=draw(spans_us),
            needs=draw(units) if draw(st.booleans()) else capacity_of(measure),
            wants=draw(units),
        )

    def hear(self, renewal: Renewal, answer: tuple[Given, ...]) -> None:
        if self.data.draw(st.integers(0, 5)) == 0:
            return
        tenant = renewal.tenant.partition("-")[0]
        for ask, part in zip(renewal.asks, answer, strict=True):
            self.holdings[tenant, renewal.holder, ask.limit.id].hear(part)


@pytest.fixture(scope="module")
def redis(redis_server: RedisServer) -> Iterator[RedisAtATime]:
    with redis_server.client() as client:
        yield RedisAtATime(client)


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_the_script_answers_what_the_ledger_says(redis: RedisAtATime, data: st.DataObject) -> None:
    ledger, holders = LedgerAtATime(), Holders(data, next(_runs))
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
