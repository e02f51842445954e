"""What is done while the store is away: for each kind of limit a policy, for a bounded time."""

from dataclasses import dataclass
from enum import Enum, IntEnum

import structlog

from gateway.limits import Concurrency
from gateway.quotas.holding import US, Holding
from gateway.quotas.protocol import Kind
from gateway.rates import Rate

# What is lent lasts so long; then it is looked at anew whether the store is still away.
LENT_NS = 250_000_000

_log = structlog.get_logger()


class Mode(IntEnum):
    """How limits are kept right now; the number is what the metric shows."""

    EXACT = 0
    # By shares, as the store is away.
    SHARE = 1
    # Not at all: the store has been away too long, and nothing is admitted but what is held.
    REFUSE = 2


class Policy(Enum):
    """What becomes of requests when the store is away and what was held is spent."""

    # Go on with the part of the limit that is one of as many as there were holders.
    SHARE = "share"
    # Admit, and tell the store of it when it is back.
    ADMIT = "admit"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """For each kind of limit, and for how long they hold; then nothing is admitted."""

    rate: Policy = Policy.SHARE
    concurrency: Policy = Policy.SHARE
    budget: Policy = Policy.REFUSE
    longest_s: float = 60.0

    def of(self, kind: Kind) -> Policy:
        if kind is Kind.RATE:
            return self.rate
        return self.concurrency if kind is Kind.CONCURRENCY else self.budget


class Outage:
    """Whether the store answers, and what is lent to holdings while it does not."""

    def __init__(self, policies: Policies) -> None:
        self.mode = Mode.EXACT
        # Of a holding whose limit the store never spoke of.
        self.holders = 1
        self._policies = policies
        self._since_ns = 0

    def store_failed(self, now_ns: int) -> None:
        """The store did not answer, or not in time."""
        if self.mode is Mode.EXACT:
            self._since_ns = now_ns
            self._change(Mode.SHARE, now_ns)
        elif self.mode is Mode.SHARE and self._has_lasted(now_ns):
            self._change(Mode.REFUSE, now_ns)

    def store_answered(self, now_ns: int) -> None:
        """The store is there."""
        if self.mode is not Mode.EXACT:
            self._change(Mode.EXACT, now_ns)

    def lend(self, holding: Holding, now_ns: int) -> None:
        """Let the holding have what the policy allows it; nothing if it allows none."""
        policy = self._policies.of(holding.kind)
        if self.mode is not Mode.SHARE or policy is Policy.REFUSE:
            return
        if not holding.lent_ns:
            holding.end(now_ns)
            holding.lent_ns = now_ns
        units = self._units(holding, policy, now_ns)
        holding.granted += units
        holding.free += units
        holding.ends_ns = now_ns + LENT_NS
        if not holding.is_awaited:
            holding.open_until_ns = holding.ends_ns

    def take_back(self, holding: Holding, now_ns: int) -> None:
        """The store is back: what was spent of what was lent is owed to it."""
        spent = holding.spent
        holding.end(now_ns)
        if holding.kind is Kind.RATE:
            # No more than its part of the burst: the rest has refilled meanwhile.
            spent = min(spent, holding.capacity // (holding.holders or self.holders))
        if holding.kind is not Kind.CONCURRENCY:
            holding.free = -spent

    def _units(self, holding: Holding, policy: Policy, now_ns: int) -> int:
        measure = holding.limit.measure
        if policy is Policy.ADMIT:
            return max(holding.capacity - holding.free, 0)
        holders = holding.holders or self.holders
        if isinstance(measure, Concurrency):
            return measure.slots // holders - holding.reserved - holding.free
        if not isinstance(measure, Rate):
            # A share of a budget may be spent already.
            return 0
        unit_ns = measure.period_s * US**3 * holders
        units = (now_ns - holding.lent_ns) * measure.amount // unit_ns
        # The time of a part of a unit counts on.
        holding.lent_ns += -(-units * unit_ns // measure.amount)
        return max(min(units, measure.burst // holders - holding.free), 0)

    def _has_lasted(self, now_ns: int) -> bool:
        return now_ns - self._since_ns >= self._policies.longest_s * US**3

    def _change(self, mode: Mode, now_ns: int) -> None:
        self.mode = mode
        away_s = round((now_ns - self._since_ns) / US**3, 1)
        if mode is Mode.EXACT:
            _log.info("quota_store_back", away_s=away_s)
        else:
            _log.error("quota_store_away", mode=mode.name.lower(), away_s=away_s)
