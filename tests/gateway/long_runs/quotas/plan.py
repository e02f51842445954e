"""Who calls in a run, what they are allowed, and how much they want of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.limits import Budget, Concurrency, Measure, Period
from gateway.rates import Rate

# Answered at once, and after a second: who has slots fills them with slow ones.
QUICK, SLOW = "quick", "slow"


class Group(StrEnum):
    """Tenants that are allowed and want the same."""

    BUSY = "rate, busy"
    STEADY = "rate, steady"
    PULSES = "rate, in pulses"
    SMALL = "rate, small burst"
    DAY = "budget of a day"
    MODEST = "budget, demand below"
    SLOTS = "concurrency"
    ALL = "rate, budget, slots"


@dataclass(frozen=True)
class Tenant:
    """One key. It sends `wants_per_s` on average, or all of it at once each `pulse_s`."""

    name: str
    group: Group
    measures: tuple[Measure, ...]
    wants_per_s: float
    model: str = QUICK
    pulse_s: float = 0.0
    # Of the key's own, else of the tenant.
    is_of_key: bool = False

    @property
    def rate(self) -> Rate | None:
        return next((one for one in self.measures if isinstance(one, Rate)), None)

    @property
    def budget(self) -> Budget | None:
        return next((one for one in self.measures if isinstance(one, Budget)), None)

    @property
    def slots(self) -> int | None:
        return next((one.slots for one in self.measures if isinstance(one, Concurrency)), None)


@dataclass(frozen=True)
class Plan:
    """One run."""

    tenants: tuple[Tenant, ...]
    gateways: int
    load_s: float
    # One worker is killed in each; 0: none is.
    kill_every_s: float = 0.0
    # Redis ends so long after the load began, and is away for so long.
    redis_ends_s: float = 0.0
    redis_away_s: float = 0.0
    # One busy key alone before all others, to count what it costs Redis.
    alone_s: float = 5.0
    # Tenants begin one by one within it.
    ramp_s: float = 20.0
    settings: dict[str, str] = field(default_factory=dict)
    clients: int = 3
    workers: int = 2


def tenants(count: int, load_s: float) -> tuple[Tenant, ...]:
    """So many in all, two hundred in full; budgets are used up two thirds into the load."""
    made = [
        make
        for group, share in _SHARES.items()
        for make in _group(group, max(round(share * count / 200), 1), load_s)
    ]
    assert len(made) == count, f"{count} tenants cannot be divided: {len(made)}"
    return tuple(made)


_SHARES = {
    Group.BUSY: 4,
    Group.STEADY: 32,
    Group.PULSES: 20,
    Group.SMALL: 24,
    Group.DAY: 40,
    Group.MODEST: 20,
    Group.SLOTS: 40,
    Group.ALL: 20,
}


def _group(group: Group, count: int, load_s: float) -> Iterator[Tenant]:
    for number in range(count):
        name = f"{group.name.lower()}-{number}"
        yield _tenant(name, group, load_s, is_of_key=number % 2 == 1)


def _tenant(name: str, group: Group, load_s: float, *, is_of_key: bool) -> Tenant:
    measures: tuple[Measure, ...]
    wants_per_s, model, pulse_s = 4.0, QUICK, 0.0
    match group:
        case Group.BUSY:
            measures, wants_per_s = (Rate(50, 1, 100),), 75.0
        case Group.STEADY:
            measures = (Rate(2, 1, 20),)
        case Group.PULSES:
            measures, pulse_s = (Rate(120, 60, 30),), 10.0
        case Group.SMALL:
            measures, wants_per_s = (Rate(60, 60, 5),), 1.5
        case Group.DAY:
            budget = Budget(round(load_s * 2 / 3), Period.DAY)
            measures, wants_per_s = (budget,), 1.5
        case Group.MODEST:
            measures, wants_per_s = (Budget(10_000, Period.MONTH),), 1.0
        case Group.SLOTS:
            measures, model = (Concurrency(3),), SLOW
        case Group.ALL:
            budget = Budget(round(2 * load_s), Period.DAY)
            measures = (Rate(2, 1, 20), budget, Concurrency(8))
    return Tenant(name, group, measures, wants_per_s, model, pulse_s, is_of_key)
