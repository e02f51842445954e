import pytest

from loadtest.plans.smoke import SmokeOptions, smoke
from tests.loadtest.queue_model import QueueModel


def test_it_tells_how_fast_an_idle_server_is() -> None:
    outcome = smoke(QueueModel(capacity=100).measure, SmokeOptions())
    assert outcome.invalid == []
    assert outcome.answer["p50_ms"] == pytest.approx(10, rel=0.01)
    assert outcome.answer["answers_per_second"] == pytest.approx(100, rel=0.01)
    assert outcome.answer["error_share"] == 0.0


def test_a_failure_makes_it_invalid() -> None:
    model = QueueModel(capacity=100, errors=lambda at_s: 3 <= at_s < 3.5)
    outcome = smoke(model.measure, SmokeOptions())
    assert outcome.invalid == ["requests failed: 50 times status 500"]


def test_what_makes_the_step_invalid_makes_the_run_invalid() -> None:
    model = QueueModel(capacity=100, invalid=lambda load: ["the clock jumped"])
    assert smoke(model.measure, SmokeOptions()).invalid == ["1 user: the clock jumped"]
