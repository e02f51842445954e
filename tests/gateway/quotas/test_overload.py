"""What is given of what is allowed, by eight workers who are asked for more, and killed or not."""

from dataclasses import dataclass

import pytest

from gateway.limits import Budget, Concurrency, Measure, Period
from gateway.rates import Rate
from tests.gateway.long_runs.quotas.judge import allowed
from tests.gateway.long_runs.quotas.logs import Sent
from tests.gateway.long_runs.quotas.plan import Group, Tenant
from tests.gateway.quotas.overload import Demand, Overload

WORKERS = 8
LOAD_S = 60.0
RATES_AND_BUDGETS = [
    Demand(measure=Rate(50, 1, 100), per_s=75),
    Demand(measure=Rate(2, 1, 20), per_s=4),
    Demand(measure=Rate(120, 60, 30), per_s=4, pulse_s=10),
    Demand(measure=Rate(60, 60, 5), per_s=1.5),
    Demand(measure=Budget(40, Period.DAY), per_s=1.5),
]
SLOTS = [
    Demand(measure=Concurrency(3), per_s=4, takes_s=1),
    Demand(measure=Concurrency(64), per_s=90, takes_s=1),
]


def allowed_of(measure: Measure, sent_us: list[int]) -> int:
    tenant = Tenant("one", Group.STEADY, (measure,), 0.0)
    count = allowed(tenant, [Sent(0, at_us, at_us, 200) for at_us in sent_us])
    assert count is not None
    return count


@dataclass
class Given:
    """What several runs admitted, what one exact count would have, and what the store was asked."""

    admitted: float = 0.0
    ideal: int = 0
    renewals: int = 0


def given_of(demand: Demand, kill_every_s: float = 0.0) -> Given:
    given = Given()
    for seed in range(4):
        overload = Overload(demand, WORKERS, seed)
        overload.run(LOAD_S, kill_every_s)
        given.admitted += overload.admitted
        # What is allowed is counted of requests that take a second: where they take another time,
        # that is the second of the clock.
        second_s = demand.takes_s or 1.0
        sent_us = [round(at_us / second_s) for at_us in overload.sent_us]
        given.ideal += allowed_of(demand.measure, sent_us)
        given.renewals += overload.renewals
    return given


def share_of(given: Given) -> float:
    return given.admitted / given.ideal


def given_share(demand: Demand, kill_every_s: float = 0.0) -> float:
    return share_of(given_of(demand, kill_every_s))


@pytest.mark.parametrize("demand", RATES_AND_BUDGETS, ids=lambda demand: str(demand.measure))
@pytest.mark.parametrize("kill_every_s", [0.0, 15.0, 4.0])
def test_98_percent_of_rates_and_budgets_are_given(demand: Demand, kill_every_s: float) -> None:
    assert given_share(demand, kill_every_s) >= 0.98


@pytest.mark.parametrize("slots", SLOTS, ids=lambda demand: str(demand.measure))
@pytest.mark.parametrize("kill_every_s", [0.0, 15.0, 4.0])
def test_98_percent_of_slots_are_given(slots: Demand, kill_every_s: float) -> None:
    """A dead worker's are free as soon as another one sees it."""
    assert given_share(slots, kill_every_s) >= 0.98
