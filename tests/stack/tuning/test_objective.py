"""The two aims."""

import pytest

from stack.tuning.objective import Balanced, Within
from stack.tuning.readings import Figures


def figures(per_second: float, p99_ms: float) -> Figures:
    return Figures(per_second, p99_ms / 2, p99_ms)


def test_the_balanced_aim_is_the_geometric_mean_over_the_loads() -> None:
    reading = {1: figures(100, 1), 8: figures(400, 1)}
    assert Balanced((1, 8)).worth(reading) == pytest.approx(200)


def test_the_balanced_aim_sees_the_load_that_lost_most_throughput() -> None:
    shipped = {1: figures(100, 1), 8: figures(400, 10)}
    other = {1: figures(200, 0.5), 8: figures(200, 10)}
    assert Balanced((1, 8)).harm(other, shipped) == pytest.approx(2)


def test_the_balanced_aim_sees_the_load_whose_p99_got_worst() -> None:
    shipped = {1: figures(100, 1), 8: figures(400, 10)}
    other = {1: figures(200, 0.5), 8: figures(500, 15)}
    assert Balanced((1, 8)).harm(other, shipped) == pytest.approx(1.5)


def test_throughput_within_a_limit_is_read_between_two_loads() -> None:
    reading = {1: figures(100, 5), 2: figures(180, 10), 4: figures(300, 40)}
    # 20 ms lies half way from 10 to 40 in factors.
    assert Within((1, 2, 4), 20).worth(reading) == pytest.approx(240)


def test_a_limit_that_always_holds_gives_the_highest_throughput() -> None:
    assert Within((1, 2), 20).worth({1: figures(100, 5), 2: figures(90, 10)}) == 100


def test_a_limit_that_never_holds_is_worth_less_the_further_away() -> None:
    near, far = {1: figures(100, 25)}, {1: figures(100, 50)}
    assert Within((1,), 20).worth(near) == pytest.approx(80)
    assert Within((1,), 20).worth(far) == pytest.approx(40)


def test_past_the_limit_no_heavier_load_is_needed() -> None:
    aim = Within((1, 2, 4), 20)
    assert not aim.is_enough({1: figures(100, 5)})
    assert aim.is_enough({1: figures(100, 5), 2: figures(150, 30)})
