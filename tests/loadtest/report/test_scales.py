"""Axes: where values lie, and at which numbers there are ticks."""

import pytest

from loadtest.report.scales import Scale, for_latencies, from_zero, tick_text


def test_values_lie_between_the_ends() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (0, 5, 10)] == [100, 150, 200]


def test_a_value_beyond_the_ends_lies_at_the_end() -> None:
    scale = Scale(0, 10, 100, 200)
    assert (scale(-3), scale(30)) == (100, 200)


def test_an_upright_axis_runs_upwards() -> None:
    assert Scale(0, 10, 300, 100)(10) == 100


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([7.0], [0, 1, 2, 3, 4, 5, 6, 7]),
        ([870.0], [0, 200, 400, 600, 800, 1000]),
        ([0.034], [0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035]),
        ([], [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ([0.0], [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_ticks_are_round_and_reach_above_all_values(
    values: list[float], ticks: list[float]
) -> None:
    assert from_zero(values, 0, 1).ticks == pytest.approx(ticks)


def test_latencies_far_apart_have_a_logarithmic_axis() -> None:
    scale = for_latencies([1.3, 900.0], 0, 300)
    assert scale.ticks == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert scale(10) == pytest.approx(100)


def test_latencies_of_one_size_begin_at_zero() -> None:
    assert for_latencies([2.0, 9.0], 0, 1).low == 0


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5"), (20.0, "20"), (15000.0, "15,000")])
def test_ticks_are_written_short(value: float, text: str) -> None:
    assert tick_text(value) == text
