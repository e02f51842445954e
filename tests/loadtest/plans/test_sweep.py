import pytest

from loadtest.plans.sweep import SweepOptions, sweep
from loadtest.results import Bottleneck, Load, Loop
from tests.loadtest.queue_model import QueueModel


def test_it_finds_the_highest_throughput_and_the_knee() -> None:
    # Two servers of 10 ms: from two users on, more of them only wait.
    model = QueueModel(capacity=200, servers=2)
    outcome = sweep(model.measure, SweepOptions(users=[1, 2, 4, 8]))
    assert outcome.invalid == []
    assert [step.label for step in model.steps] == ["1 user", "2 users", "4 users", "8 users"]
    assert outcome.answer["answers_per_second"] == pytest.approx(200, rel=0.01)
    assert outcome.answer["knee"] == "2 users"
    assert outcome.answer["knee_p50_ms"] == pytest.approx(10, rel=0.01)


def test_rates_make_it_an_open_loop() -> None:
    model = QueueModel(capacity=100)
    outcome = sweep(model.measure, SweepOptions(rates=[20, 50.5], arrivals="poisson"))
    assert [step.label for step in model.steps] == ["20/s", "50.5/s"]
    assert {step.load.loop for step in model.steps} == {Loop.OPEN}
    assert {step.load.arrivals for step in model.steps} == {"poisson"}
    assert outcome.answer["at"] == "50.5/s"
    assert outcome.answer["bottleneck"] == Bottleneck.NONE


def test_a_step_that_never_is_steady_is_left_out_and_named() -> None:
    model = QueueModel(capacity=100)
    outcome = sweep(model.measure, SweepOptions(rates=[50, 150], trials=2))
    assert [step.label for step in model.steps] == ["50/s", "150/s", "150/s (trial 2)"]
    assert outcome.invalid == []
    assert outcome.answer["at"] == "50/s"
    assert list(outcome.spoilt) == ["150/s", "150/s (trial 2)"]
    assert "150/s (trial 2): no steady state: the median went" in str(outcome.answer["left_out"])


def test_failures_are_told_with_their_step() -> None:
    model = QueueModel(capacity=1000, errors=lambda at_s: at_s >= 17 and at_s % 1 < 0.1)
    outcome = sweep(model.measure, SweepOptions(rates=[50, 100]))
    assert outcome.invalid == []
    assert (
        outcome.answer["failures"] == "100/s: 10 % of 1,500 requests failed: 150 times status 500"
    )


def test_a_sweep_without_a_step_to_trust_is_invalid() -> None:
    def at_its_end(load: Load) -> list[str]:
        return ["the generator was at its end"]

    outcome = sweep(QueueModel(capacity=100, invalid=at_its_end).measure, SweepOptions(users=[1]))
    assert outcome.answer == {}
    assert outcome.invalid == ["1 user: the generator was at its end"]
