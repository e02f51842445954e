"""What the pictures show."""

from loadtest.report.series import bars, batches, curve, timeline
from loadtest.results import Breakdown, Load, Loop, Step
from tests.loadtest.some_steps import a_run, a_step, a_window, some_counts

PARTS = Breakdown(generator_ms=0, network_ms=1, gateway_ms=0.5, queue_ms=2, compute_ms=1.5)


def test_a_curve_goes_by_the_load_that_was_asked_for() -> None:
    def step(rate: int) -> Step:
        return a_step(label=f"{rate}/s", load=Load(loop=Loop.OPEN, rate=rate, duration_s=10))

    run = a_run(step(400), step(100), step(200))
    assert [point.label for point in curve(run)] == ["100/s", "200/s", "400/s"]


def test_a_percentile_that_too_few_samples_know_is_not_on_the_curve() -> None:
    (point,) = curve(a_run(a_step()))
    assert sorted(point.ms) == ["p50", "p90", "p99"]


def test_a_step_without_answers_is_not_on_the_curve() -> None:
    assert curve(a_run(a_step(windows=[a_window(answered=0)]))) == []


def test_a_step_that_could_not_be_split_has_no_bar() -> None:
    run = a_run(a_step(label="whole"), a_step(label="split", breakdown=PARTS))
    ((label, parts),) = bars(run)
    assert label == "split"
    assert parts == {"generator": 0, "network": 1, "gateway": 0.5, "queue": 2, "compute": 1.5}


def test_batches_are_of_the_valid_step_that_had_most_samples() -> None:
    few = {"digits": some_counts(100, batches={1: 100})}
    many = {"digits": some_counts(400, executions=100, batches={2: 25, 8: 75})}
    most = {"digits": some_counts(900, batches={16: 900})}
    run = a_run(
        a_step(label="few", models=few),
        a_step(label="many", models=many),
        a_step(label="most", models=most, invalid=["Triton was restarted"]),
    )
    (found,) = batches(run)
    assert (found.model, found.label, found.mean) == ("digits", "many", 4.0)
    assert found.shares == {2: 0.25, 8: 0.75}


def test_the_time_line_puts_one_step_after_the_other() -> None:
    first = [a_window(0, warmup=True), a_window(1, errors={"timeout": 2, "reset": 1}, limited=4)]
    run = a_run(a_step(label="a", windows=first), a_step(label="b", windows=[a_window(0)]))
    seconds, stretches = timeline(run)
    assert [second.at_s for second in seconds] == [0, 1, 2]
    assert [second.is_warmup for second in seconds] == [True, False, False]
    assert (seconds[1].errors, seconds[1].limited) == (3, 4)
    assert [(s.label, s.start_s, s.end_s) for s in stretches] == [("a", 0, 2), ("b", 2, 3)]


def test_of_a_load_that_was_tried_again_the_last_trial_is_shown() -> None:
    labels = ("a", "a (trial 2)", "b")
    run = a_run(*(a_step(label=label, breakdown=PARTS) for label in labels))
    assert [label for label, _ in bars(run)] == ["a (trial 2)", "b"]
    assert [point.label for point in curve(run)] == ["a (trial 2)", "b"]


def test_after_the_load_only_what_failed_is_on_the_time_line() -> None:
    load = Load(loop=Loop.CLOSED, users=1, duration_s=2)
    late = [a_window(2, answered=1), a_window(3, answered=0, errors={"timeout": 1})]
    seconds, _ = timeline(a_run(a_step(load=load, windows=[a_window(0), a_window(1), *late])))
    assert [(second.answered, second.errors) for second in seconds] == [(100, 0), (100, 0), (0, 1)]
