"""What is counted, under labels of which there is no end to fear."""

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from gateway.data import metrics
from gateway.data.metrics import Metrics


def test_requests_latencies_and_those_in_flight_are_counted() -> None:
    registry = CollectorRegistry()
    counted = Metrics(registry)
    counted.in_flight = 3
    counted.observe("m", 200, 0.004)
    counted.observe("m", 500, 0.2)
    counted.publish()
    value = registry.get_sample_value
    assert value("conch_requests_total", {"model": "m", "status": "200"}) == 1
    assert value("conch_requests_total", {"model": "m", "status": "500"}) == 1
    assert value("conch_request_duration_seconds_count", {"model": "m"}) == 2
    assert value("conch_request_duration_seconds_bucket", {"model": "m", "le": "0.005"}) == 1
    assert value("conch_requests_in_flight", {}) == 3


def test_what_was_published_is_not_counted_again() -> None:
    registry = CollectorRegistry()
    counted = Metrics(registry)
    counted.observe("m", 200, 0.004)
    counted.publish()
    counted.publish()
    value = registry.get_sample_value
    assert value("conch_requests_total", {"model": "m", "status": "200"}) == 1
    assert value("conch_request_duration_seconds_count", {"model": "m"}) == 1


def test_a_latency_on_the_edge_of_a_bucket_is_in_it() -> None:
    registry = CollectorRegistry()
    counted = Metrics(registry)
    counted.observe("m", 200, 0.005)
    counted.observe("m", 200, 31.0)
    counted.publish()
    value = registry.get_sample_value
    bucket = "conch_request_duration_seconds_bucket"
    assert value(bucket, {"model": "m", "le": "0.0025"}) == 0
    assert value(bucket, {"model": "m", "le": "0.005"}) == 1
    assert value(bucket, {"model": "m", "le": "30.0"}) == 1
    assert value(bucket, {"model": "m", "le": "+Inf"}) == 2
    assert value("conch_request_duration_seconds_sum", {"model": "m"}) == pytest.approx(31.005)


def test_what_was_not_tritons_time_is_told_apart() -> None:
    registry = CollectorRegistry()
    counted = Metrics(registry)
    counted.overheads.add(0.0002)
    counted.publish()
    counted.publish()
    value = registry.get_sample_value
    bucket = "conch_gateway_overhead_seconds_bucket"
    assert value("conch_gateway_overhead_seconds_count") == 1
    assert value(bucket, {"le": "0.0001"}) == 0
    assert value(bucket, {"le": "0.00025"}) == 1


def test_models_with_a_label_of_their_own_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_MODELS", 2)
    registry = CollectorRegistry()
    counted = Metrics(registry)
    for number in range(5):
        counted.observe(f"m{number}", 200, 0.1)
    counted.publish()
    value = registry.get_sample_value
    assert value("conch_requests_total", {"model": "m1", "status": "200"}) == 1
    assert value("conch_requests_total", {"model": "", "status": "200"}) == 3


def test_the_data_plane_imports_no_web_framework_no_database_and_no_torch() -> None:
    code = (
        "import sys, gateway.data.server\n"
        "heavy = {'fastapi', 'starlette', 'sqlalchemy', 'alembic', 'torch', 'numpy', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
