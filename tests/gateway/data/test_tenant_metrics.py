"""What tenants used, as Prometheus sees it."""

import pytest
from prometheus_client import CollectorRegistry

from gateway.data import tenant_metrics
from gateway.data.tenant_metrics import TenantMetrics
from gateway.usage.counts import Account, Counts


def test_what_the_keys_of_a_tenant_used_is_summed_up() -> None:
    registry = CollectorRegistry()
    metrics = TenantMetrics(registry)
    counts = Counts(2, 1, 1, samples=8, size_bytes=300, compute_us=1_500_000)
    metrics.observe({Account(0, "acme", key, "m"): counts for key in ("k1", "k2")})
    metrics.observe({Account(3600, "acme", "k1", ""): counts})

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"conch_tenant_{name}_total", {"tenant": "acme"})

    assert (value("requests"), value("refused"), value("errors")) == (6, 3, 3)
    assert (value("samples"), value("bytes"), value("compute_seconds")) == (24, 900, 4.5)


def test_tenants_with_series_of_their_own_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenant_metrics, "MAX_TENANTS", 2)
    registry = CollectorRegistry()
    metrics = TenantMetrics(registry)
    metrics.observe({Account(0, f"t{number}", "k", "m"): Counts(1) for number in range(5)})
    name = "conch_tenant_requests_total"
    assert registry.get_sample_value(name, {"tenant": "t1"}) == 1
    assert registry.get_sample_value(name, {"tenant": "t2"}) is None
    assert registry.get_sample_value(name, {"tenant": ""}) == 3
