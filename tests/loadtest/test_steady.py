import pytest

from loadtest.results import Load, Loop
from loadtest.steady import unsteady, until_steady
from tests.loadtest.queue_model import QueueModel

CLOSED = Load(loop=Loop.CLOSED, users=4, duration_s=9)
OPEN = Load(loop=Loop.OPEN, rate=50, duration_s=9)


def growing(at_s: float) -> float:
    return 0.01 * (1 + at_s / 9)


@pytest.mark.parametrize("load", [CLOSED, OPEN])
def test_an_even_server_is_steady(load: Load) -> None:
    assert unsteady(QueueModel(capacity=100).measure("step", load)) == ""


def test_poisson_arrivals_are_steady_though_their_number_is_not_even() -> None:
    load = Load(loop=Loop.OPEN, rate=20, duration_s=9, arrivals="poisson")
    assert unsteady(QueueModel(capacity=1000).measure("step", load)) == ""


def test_answers_that_become_fewer_are_not_steady() -> None:
    step = QueueModel(capacity=100, service_s=growing).measure("step", CLOSED)
    assert "answers went from" in unsteady(step) and "a second" in unsteady(step)


def test_a_latency_that_grows_is_not_steady() -> None:
    model = QueueModel(capacity=100, service_s=growing)
    step = model.measure("step", Load(loop=Loop.OPEN, rate=20, duration_s=9))
    assert "the median went from 1" in unsteady(step)


def test_a_median_may_move_by_what_is_tolerated_and_no_more() -> None:
    model = QueueModel(capacity=100, service_s=growing)
    step = model.measure("step", Load(loop=Loop.OPEN, rate=20, duration_s=9))
    assert unsteady(step, tolerated_us=8_000) == ""
    assert "the median went from 1" in unsteady(step, tolerated_us=2_000)


def test_a_queue_that_grows_is_not_steady() -> None:
    load = Load(loop=Loop.OPEN, rate=120, duration_s=9)
    step = QueueModel(capacity=100).measure("step", load)
    assert "the median went from 261 ms to 1,2" in unsteady(step)


def test_the_warm_up_does_not_count() -> None:
    cold = QueueModel(capacity=100, service_s=lambda at_s: 0.1 if at_s < 2 else 0.01)
    load = Load(loop=Loop.CLOSED, users=4, duration_s=9, warmup_s=3)
    assert unsteady(cold.measure("step", load)) == ""


def test_a_difference_as_small_as_the_clock_s_is_none() -> None:
    model = QueueModel(capacity=1, service_s=lambda at_s: 0.0004 + at_s / 60_000)
    assert unsteady(model.measure("step", OPEN)) == ""


def test_two_seconds_say_nothing() -> None:
    short = Load(loop=Loop.CLOSED, users=4, duration_s=2)
    told = unsteady(QueueModel(capacity=100).measure("step", short))
    assert told == "fewer than 3 seconds were measured"


def test_a_second_without_an_answer_is_not_steady() -> None:
    load = Load(loop=Loop.CLOSED, users=1, duration_s=3)
    model = QueueModel(capacity=100, service_s=lambda at_s: 1.5 if at_s >= 0.5 else 0.01)
    assert unsteady(model.measure("step", load)) == "a window had no good answer"


def test_a_load_is_held_until_it_is_steady() -> None:
    model = QueueModel(capacity=1, service_s=lambda at_s: growing(min(at_s, 15)))
    *_, step = until_steady(model.measure, "4 users", CLOSED, trials=5)
    assert [step.label for step in model.steps] == [
        "4 users",
        "4 users (trial 2)",
        "4 users (trial 3)",
    ]
    assert step is model.steps[-1] and not unsteady(step)


def test_it_is_held_only_so_often() -> None:
    model = QueueModel(capacity=1, service_s=growing)
    steps = until_steady(model.measure, "4 users", CLOSED, trials=2)
    assert len(steps) == len(model.steps) == 2 and unsteady(steps[-1])


def test_a_queue_that_waits_by_chance_is_steady() -> None:
    load = Load(loop=Loop.OPEN, rate=140, duration_s=15, arrivals="poisson")
    model = QueueModel(capacity=200)
    assert unsteady(model.measure("step", load)) == ""


def test_chance_does_not_hide_a_latency_that_grows() -> None:
    model = QueueModel(capacity=1, service_s=lambda at_s: 0.005 * (1 + at_s / 15))
    load = Load(loop=Loop.OPEN, rate=60, duration_s=15, arrivals="poisson")
    assert "the median went from" in unsteady(model.measure("step", load))
