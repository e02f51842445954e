"""Whether the promises of docs/quotas.md held, by the log of admitted requests alone."""

from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import TypeVar

from gateway.limits import Budget
from gateway.rates import Rate
from tests.gateway.long_runs.quotas.logs import RESOLUTION_US, Admitted, Logs, Sent
from tests.gateway.long_runs.quotas.plan import Group, Tenant
from tests.gateway.long_runs.quotas.upstream import SLOW_S
from tests.gateway.quotas.invariants import largest_sum, most_above_rate

_DAY_US = 86_400_000_000
N = TypeVar("N", int, float)


@dataclass
class Verdict:
    """Of the tenants of one group together."""

    group: Group
    tenants: int = 0
    sent: int = 0
    admitted: int = 0
    # What one place that knows all would have admitted of what was sent, where that is less than
    # all of it; and what was admitted of it. Of a request that was broken off counts the part of
    # its time that its slot was taken.
    allowed: int = 0
    given: float = 0.0
    # The largest of any tenant, in units; above zero, a promise is broken.
    above_rate: float | None = None
    above_budget: int | None = None
    above_slots: int | None = None
    broken: list[str] = field(default_factory=list)

    @property
    def given_share(self) -> float | None:
        return self.given / self.allowed if self.allowed else None


def judge(tenants: Sequence[Tenant], logs: Logs, *, but: Collection[int] = ()) -> list[Verdict]:
    """A verdict a group; the tenants of these numbers are left out."""
    admitted, sent = defaultdict(list), defaultdict(list)
    for one in logs.admitted:
        admitted[one.tenant].append(one)
    for request in logs.sent:
        sent[request.tenant].append(request)
    verdicts: dict[Group, Verdict] = {}
    for number, tenant in enumerate(tenants):
        if number not in but:
            verdict = verdicts.setdefault(tenant.group, Verdict(tenant.group))
            _add(verdict, tenant, admitted[number], sent[number])
    return list(verdicts.values())


def _add(verdict: Verdict, tenant: Tenant, admitted: list[Admitted], sent: list[Sent]) -> None:
    verdict.tenants += 1
    verdict.sent += len(sent)
    verdict.admitted += len(admitted)
    if tenant.rate is not None:
        above = above_rate(admitted, tenant.rate)
        verdict.above_rate = _larger(verdict.above_rate, above)
        _note(verdict, tenant, above, f"units above {tenant.rate} in some interval")
    if tenant.budget is not None:
        over = above_budget(admitted, tenant.budget)
        verdict.above_budget = _larger(verdict.above_budget, over)
        _note(verdict, tenant, over, f"units above {tenant.budget}")
    if tenant.slots is not None:
        more = most_in_flight(admitted) - tenant.slots
        verdict.above_slots = _larger(verdict.above_slots, more)
        _note(verdict, tenant, more, f"more in flight than {tenant.slots}")
    ideal = allowed(tenant, sent)
    if ideal is not None and ideal < len(sent):
        verdict.allowed += ideal
        verdict.given += len(admitted) if tenant.slots is None else _slots_taken(admitted)


def _larger(before: N | None, above: N) -> N:
    return above if before is None else max(before, above)


def _note(verdict: Verdict, tenant: Tenant, above: float, what: str) -> None:
    if above > 0:
        verdict.broken.append(f"{tenant.name}: {above:.3g} {what}")


def above_rate(admitted: Sequence[Admitted], rate: Rate) -> float:
    """The most units that any interval has more than `burst + rate * T`.

    Less what comes in within the resolution of the log: either end of it is known no better.
    """
    events = [(one.at_us, 1) for one in admitted]
    per_unit = rate.period_s * 1_000_000
    return (most_above_rate(events, rate) - RESOLUTION_US * rate.amount) / per_unit


def above_budget(admitted: Sequence[Admitted], budget: Budget) -> int:
    """The most units that any day has more than the budget; a run is shorter than a month."""
    days = ((one.at_us // _DAY_US if budget.period == "day" else 0, 1) for one in admitted)
    return largest_sum(days) - budget.amount


def most_in_flight(admitted: Sequence[Admitted]) -> int:
    """At any moment, counting only the time in which a request was in flight for certain."""
    begins = [(one.arrived_us, 1) for one in admitted]
    ends = [(one.ended_us, -1) for one in admitted]
    # Ends come first: what ends when another begins has made room for it.
    return max(accumulate(change for _, change in sorted(begins + ends)), default=0)


def allowed(tenant: Tenant, sent: Sequence[Sent]) -> int | None:
    """How many of the requests one exact count in one place would have admitted.

    None: there are several limits.
    """
    if len(tenant.measures) > 1:
        return None
    moments = sorted(one.sent_us for one in sent)
    if tenant.slots is not None:
        return _in_slots(moments, tenant.slots)
    if tenant.rate is not None:
        return _bucket(moments, tenant.rate)
    budget = tenant.budget
    assert budget is not None
    days = groupby(moments, key=lambda at_us: at_us // _DAY_US)
    return sum(min(budget.amount, sum(1 for _ in day)) for _, day in days)


def _slots_taken(admitted: Sequence[Admitted]) -> float:
    """In requests that were not broken off."""
    return sum(min((one.ended_us - one.arrived_us) / (SLOW_S * 1e6), 1.0) for one in admitted)


def _bucket(moments: Sequence[int], rate: Rate) -> int:
    per_unit = rate.period_s * 1_000_000
    level, before_us, count = rate.burst * per_unit, 0, 0
    for at_us in moments:
        level = min(level + (at_us - before_us) * rate.amount, rate.burst * per_unit)
        before_us = at_us
        if level >= per_unit:
            level -= per_unit
            count += 1
    return count


def _in_slots(moments: Sequence[int], slots: int) -> int:
    """Of requests that take as long as slow ones do."""
    ends = deque([0] * slots)
    count = 0
    for at_us in moments:
        if ends[0] <= at_us:
            ends.popleft()
            ends.append(at_us + round(SLOW_S * 1e6))
            count += 1
    return count
