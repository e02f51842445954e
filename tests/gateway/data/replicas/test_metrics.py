"""What Prometheus is told of the Tritons."""

import pytest
from prometheus_client import CollectorRegistry

from gateway.data.replicas import metrics
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.metrics import ReplicaMetrics
from gateway.data.replicas.replica import Address, new_replica
from tests.gateway.helpers import Clock


def group_of(count: int) -> Replicas:
    tritons = [new_replica(Address("gpu", port), 8) for port in range(1, count + 1)]
    return Replicas(tritons, now_s=Clock().seconds)


def test_states_and_numbers_of_each_triton_are_told() -> None:
    registry, group = CollectorRegistry(), group_of(2)
    told = ReplicaMetrics(registry)
    value = registry.get_sample_value
    one, other = {"triton": "gpu:1"}, {"triton": "gpu:2"}
    for _ in range(2):
        group.eject(group.all[0], "test")
        group.repeats["unsent"] = 3
        group.hedges["won"] = 2
        told.publish(group)
        assert (value("conch_triton_up", one), value("conch_triton_up", other)) == (0, 1)
        assert value("conch_triton_workers", one | {"state": "ejected"}) == 1
        assert value("conch_triton_workers", other | {"state": "healthy"}) == 1
        assert value("conch_triton_ejections_total", one) == 1
        assert value("conch_triton_retries_total", {"outcome": "unsent"}) == 3
        assert value("conch_triton_hedges_total", {"outcome": "won"}) == 2
        assert value("conch_triton_in_flight", one) == 0
        assert value("conch_triton_connections", one) == 0
        assert value("conch_triton_breakers_open", other) == 0


def test_what_may_be_sent_twice_is_told_before_anything_was() -> None:
    registry = CollectorRegistry()
    ReplicaMetrics(registry)
    for name, outcomes in (("retries", metrics.REPEATS), ("hedges", metrics.HEDGES)):
        for outcome in outcomes:
            told = registry.get_sample_value(f"conch_triton_{name}_total", {"outcome": outcome})
            assert told == 0


def test_one_that_is_gone_is_up_no_more() -> None:
    registry, group = CollectorRegistry(), group_of(3)
    told = ReplicaMetrics(registry)
    told.publish(group)
    group.replace(group.all[:2])
    told.publish(group)
    assert registry.get_sample_value("conch_triton_up", {"triton": "gpu:3"}) == 0


def test_tritons_with_a_label_of_their_own_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_REPLICAS", 2)
    registry, group = CollectorRegistry(), group_of(4)
    told = ReplicaMetrics(registry)
    told.publish(group)
    assert registry.get_sample_value("conch_triton_up", {"triton": "gpu:2"}) == 1
    assert registry.get_sample_value("conch_triton_up", {"triton": "gpu:3"}) is None
    states = {"triton": "others", "state": "healthy"}
    assert registry.get_sample_value("conch_triton_workers", states) == 2
