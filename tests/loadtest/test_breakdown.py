"""Where the mean latency was spent, on planted figures."""

import pytest

from loadtest.breakdown import breakdown
from loadtest.results import Breakdown
from tests.loadtest.some_steps import MS, a_step, a_window, closed, some_counts, some_gateway


def test_the_parts_add_up_to_the_latency_from_the_planned_time() -> None:
    step = a_step(
        windows=[a_window(n, service_ms=5.0, corrected_ms=6.5) for n in range(10)],
        models={"digits": some_counts(1000, queue_ms=1.0, compute_ms=2.0)},
        gateway=some_gateway(1000, overhead_ms=0.25),
    )
    parts, notes = breakdown(step)
    assert notes == []
    assert parts == Breakdown(
        generator_ms=pytest.approx(1.5),
        network_ms=pytest.approx(1.75),
        gateway_ms=pytest.approx(0.25),
        queue_ms=pytest.approx(1.0),
        compute_ms=pytest.approx(2.0),
    )


def test_in_a_closed_loop_the_generator_has_no_part() -> None:
    windows = [a_window(n, service_ms=5.0, corrected_ms=9.0) for n in range(10)]
    parts, _ = breakdown(closed(a_step(windows=windows)))
    assert parts is not None
    assert parts.generator_ms == 0


def test_the_warm_up_has_no_part() -> None:
    windows = [a_window(0, service_ms=500, warmup=True), a_window(1, service_ms=5)]
    parts, _ = breakdown(a_step(windows=windows))
    assert parts is not None
    assert parts.network_ms == pytest.approx(2.5)


def test_input_and_output_are_computing_too() -> None:
    counts = some_counts(100, compute_ms=1.0, compute_input_ns=50 * MS, compute_output_ns=50 * MS)
    parts, _ = breakdown(a_step(models={"digits": counts}))
    assert parts is not None
    assert parts.compute_ms == pytest.approx(2.0)


def test_an_ensemble_spends_what_its_models_spend() -> None:
    models = {
        # Triton adds up the computing of the models in the ensemble's own counters.
        "page": some_counts(100, queue_ms=0, compute_ms=3.0, composing=["crop", "digits"]),
        "crop": some_counts(100, queue_ms=0.5, compute_ms=1.0),
        "digits": some_counts(100, queue_ms=0.5, compute_ms=2.0),
    }
    parts, _ = breakdown(a_step(models=models))
    assert parts is not None
    assert (parts.queue_ms, parts.compute_ms) == (pytest.approx(1.0), pytest.approx(3.0))


def test_an_ensemble_may_call_a_model_twice() -> None:
    models = {
        "page": some_counts(100, queue_ms=0, compute_ms=4.0, composing=["digits", "digits"]),
        "digits": some_counts(200, queue_ms=0.25, compute_ms=2.0),
    }
    parts, notes = breakdown(a_step(models=models))
    assert notes == []
    assert parts is not None
    assert (parts.queue_ms, parts.compute_ms) == (pytest.approx(0.5), pytest.approx(4.0))


def test_a_model_that_is_asked_for_and_called_cannot_be_told_apart() -> None:
    models = {
        "page": some_counts(100, composing=["digits"]),
        "digits": some_counts(300),
    }
    parts, notes = breakdown(a_step(models=models))
    assert parts is None
    assert "digits is asked for and called by an ensemble" in notes[0]


def test_a_little_more_than_was_measured_leaves_nothing_for_the_network() -> None:
    parts, notes = breakdown(a_step(models={"digits": some_counts(100, queue_ms=3.2)}))
    assert parts is not None
    assert parts.network_ms == 0
    assert notes == []


def test_much_more_than_was_measured_is_no_breakdown() -> None:
    parts, notes = breakdown(a_step(models={"digits": some_counts(100, queue_ms=4.0)}))
    assert parts is None
    assert "queue 4.00 and compute 2.00 ms are more than the 5.00 ms" in notes[0]


def test_without_answers_there_is_no_breakdown() -> None:
    parts, notes = breakdown(a_step(windows=[a_window(0, answered=0)]))
    assert parts is None
    assert notes == ["the latency cannot be split: there was no good answer"]
