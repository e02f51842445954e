"""What Prometheus is told of the limiter."""

from prometheus_client import CollectorRegistry

from gateway.limits import Budget, Period
from gateway.quotas.metrics import QuotaMetrics
from tests.gateway.quotas.builders import limit
from tests.gateway.quotas.world import World


def test_decisions_leases_and_the_mode_are_told_once_each() -> None:
    registry = CollectorRegistry()
    metrics = QuotaMetrics(registry)
    world = World((limit(Budget(5, Period.DAY)),))
    (worker,) = world.workers
    for _ in range(8):
        worker.request((1, 1, 1, 1))
        worker.exchange()
    metrics.publish(worker.holder)
    metrics.publish(worker.holder)
    decisions = "conch_limiter_decisions_total"
    assert registry.get_sample_value(decisions, {"outcome": "admitted"}) == 5
    assert registry.get_sample_value(decisions, {"outcome": "used_up"}) == 3
    assert registry.get_sample_value("conch_quota_leases") == 1
    assert registry.get_sample_value("conch_limiter_mode") == 0
