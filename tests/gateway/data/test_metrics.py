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


def test_models_with_a_label_of_their_own_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_MODELS", 2)
    registry = CollectorRegistry()
    counted = Metrics(registry)
    for number in range(5):
        counted.observe(f"m{number}", 200, 0.1)
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
