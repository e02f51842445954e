import pytest

from loadtest.errors import OptionError
from loadtest.plans.sweep import SweepOptions, sweep
from loadtest.results import Bottleneck, Load, Loop, Step
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


def test_it_ends_where_the_server_is_gone() -> None:
    # The second load begins 17 s after the first, with their warm-ups.
    model = QueueModel(capacity=1000, errors=lambda at_s: at_s >= 17)
    outcome = sweep(model.measure, SweepOptions(users=[1, 2, 4, 8]))
    assert [step.label for step in model.steps] == ["1 user", "2 users"]
    assert outcome.answer["at"] == "1 user"
    assert outcome.invalid == ["2 users had no answer; not held: 4 users, 8 users"]


def test_arrivals_without_one_rate_are_held_once_and_not_judged() -> None:
    model = QueueModel(capacity=1000)
    outcome = sweep(model.measure, SweepOptions(rates=[100], arrivals="ramp:10"))
    assert [step.label for step in model.steps] == ["100/s"] and not outcome.spoilt
    assert outcome.answer["steady_state"] == "not judged: ramp:10 does not keep one rate"


def test_a_sweep_without_a_step_to_trust_is_invalid() -> None:
    def at_its_end(load: Load) -> list[str]:
        return ["the generator was at its end"]

    outcome = sweep(QueueModel(capacity=100, invalid=at_its_end).measure, SweepOptions(users=[1]))
    assert outcome.answer == {}
    assert outcome.invalid == ["1 user: the generator was at its end"]


def test_a_replay_is_one_step_at_the_rate_of_its_file() -> None:
    asked: list[tuple[str, Load]] = []

    def measure(label: str, load: Load) -> Step:
        asked.append((label, load))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(measure, SweepOptions(arrivals="replay:times.txt"))
    assert [(label, load.loop) for label, load in asked] == [("replay:times.txt", Loop.OPEN)]
    with pytest.raises(OptionError, match="leave out --rates"):
        sweep(measure, SweepOptions(arrivals="replay:times.txt", rates=(10,)))
