"""What a worker tells Prometheus of its quotas."""

import collections

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.quotas.budget_metrics import BudgetMetrics
from gateway.quotas.holder import Holder


class QuotaMetrics:
    """How limits are kept right now, how many leases are held, what budgets have left."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._mode = Gauge(
            "conch_limiter_mode",
            "How limits are kept: 0 exactly, 1 by shares, as the store is away, 2 refusing.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._leases = Gauge(
            "conch_quota_leases",
            "Limits of which this gateway holds units.",
            registry=registry,
            multiprocess_mode="livesum",
        )

        self._decisions = Counter(
            "conch_limiter_decisions",
            "Requests that have limits, by what became of them: admitted, used_up (429), too_large "
            "(403), store_away or crowded (503).",
            ["outcome"],
            registry=registry,
        )
        self._budgets = BudgetMetrics(registry)
        self._told: collections.Counter[str] = collections.Counter()

    def publish(self, holder: Holder) -> None:
        """Hand over how it is now, and what was decided since the last time."""
        now = holder.decided + collections.Counter(admitted=holder.admitted_at_once)
        for outcome, count in (now - self._told).items():
            self._decisions.labels(outcome).inc(count)
        self._told = now
        self._mode.set(holder.outage.mode)
        self._leases.set(len(holder))
        self._budgets.publish(holder.budgets())
