"""What becomes of a request that asks for units: a reservation, a refusal, or it waits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar

from gateway.limits import Limit, Metric
from gateway.quotas.holding import Costs, Holding
from gateway.quotas.protocol import Kind


class Allowance:
    """The limits that a caller's requests to one model must stay within, all of them."""

    __slots__ = ("counts_requests_only", "counts_samples", "holdings", "kept")

    def __init__(self, holdings: tuple[Holding, ...]) -> None:
        self.holdings = holdings
        # Those that hear of a request again when it is settled.
        self.kept = tuple(holding for holding in holdings if holding.is_kept)
        self.counts_requests_only = all(h.limit.metric is Metric.REQUESTS for h in holdings)
        self.counts_samples = any(h.limit.metric is Metric.SAMPLES for h in holdings)

    @property
    def slots(self) -> list[Holding]:
        """Those of requests in flight."""
        return [holding for holding in self.kept if holding.kind is Kind.CONCURRENCY]

    @property
    def most_bytes(self) -> int:
        """Most bytes that one request can ever get; a change of a limit changes it."""
        sizes = (h.capacity for h in self.holdings if h.limit.metric is Metric.BYTES)
        return min(sizes, default=0)


class Reservation:
    """A request was admitted; to be settled once."""

    __slots__ = ("allowance", "at_ns", "costs")

    def __init__(self, allowance: Allowance, costs: Costs, at_ns: int) -> None:
        # None: it is settled.
        self.allowance: Allowance | None = allowance
        self.costs = costs
        self.at_ns = at_ns

    told_as: ClassVar[str] = "admitted"

    @property
    def is_kept(self) -> bool:
        """Whether what was used is still to be told."""
        return self.allowance is not None and bool(self.allowance.kept)


class Reason(Enum):
    """Why a request was refused."""

    # The limit is used up; more comes.
    USED_UP = auto()
    # It takes more than the limit ever allows at once.
    TOO_LARGE = auto()
    # The store of the limits cannot be asked, and what was held is spent.
    STORE_AWAY = auto()
    # Too many requests wait for the store already.
    CROWDED = auto()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request was not admitted, and took nothing."""

    reason: Reason
    # The strictest of the limits that it did not fit: the one it must wait for longest.
    limit: Limit
    # Waiting so long helps; None: nothing does.
    retry_after_s: int | None
    # What the request takes of it, where that alone is too much.
    cost: int = 0

    @property
    def told_as(self) -> str:
        return self.reason.name.lower()


Decided = Callable[[Reservation | Refusal], None]


class Waiting:
    """A request that waits for the store's answer; nothing is reserved for it meanwhile."""

    __slots__ = ("allowance", "costs", "is_over", "on_decided", "slot_until_ns", "until_ns")

    def __init__(
        self,
        allowance: Allowance,
        costs: Costs,
        on_decided: Decided,
        *,
        until_ns: int,
        slot_until_ns: int,
    ) -> None:
        self.allowance = allowance
        self.costs = costs
        self.on_decided = on_decided
        self.until_ns = until_ns
        # Until then a slot that others hold may come free.
        self.slot_until_ns = slot_until_ns
        # Decided, or its client has left.
        self.is_over = False

    def takes(self) -> Iterator[tuple[Holding, int]]:
        """What it would take from which."""
        for holding in self.allowance.holdings:
            cost = self.costs[holding.metric]
            if cost > 0:
                yield holding, cost
