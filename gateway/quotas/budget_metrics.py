"""How much is left of each budget, for Prometheus; looked at once a second, never by a request."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge

from gateway.quotas.holding import Holding
from gateway.quotas.windows import window_end_us

MAX_BUDGETS = 1000
# No window ends so late.
_NEVER_US = 2**63
# Steps of a thousandth: who watches sees no finer, and what has not changed is not written.
_DIGITS = 3


class BudgetMetrics:
    """The part of each budget in use that is left, as the store told this worker last.

    Of several workers the one that heard last is believed. A budget that nobody uses keeps its
    value until its window ends, and is whole from then on.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._left = Gauge(
            "conch_budget_left_ratio",
            "Part of a budget that is left in its day or month, by tenant and id of the limit.",
            ["tenant", "limit"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._now_us = now_us
        # By tenant and limit: what was told last, and when the window of that ends.
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def publish(self, budgets: Iterable[Holding]) -> None:
        """Hand over how those stand that have a lease, and those whose window is over."""
        now_us = self._now_us()
        for budget in budgets:
            labels = budget.limit.tenant, budget.limit.id
            if labels in self._told or len(self._told) < MAX_BUDGETS:
                left = (budget.left + max(budget.free, 0)) / budget.capacity
                self._tell(
                    labels, round(min(left, 1.0), _DIGITS), window_end_us(budget.kind, now_us)
                )
        for labels, (_, ends_us) in self._told.items():
            if ends_us <= now_us:
                # Still remembered: what was told once is a series for good.
                self._tell(labels, 1.0, _NEVER_US)

    def _tell(self, labels: tuple[str, str], ratio: float, ends_us: int) -> None:
        if self._told.get(labels) != (ratio, ends_us):
            self._left.labels(*labels).set(ratio)
            self._told[labels] = ratio, ends_us
