"""What a worker tells Prometheus of its quotas."""

from prometheus_client import CollectorRegistry, Gauge

from gateway.quotas.holder import Holder


class QuotaMetrics:
    """How limits are kept right now, and how many leases are held."""

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

    def publish(self, holder: Holder) -> None:
        """Hand over how it is now."""
        self._mode.set(holder.outage.mode)
        self._leases.set(len(holder))
