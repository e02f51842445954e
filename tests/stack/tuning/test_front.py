"""The front, and the figures that drift is taken out of."""

from dataclasses import replace

import pytest

from stack.tuning.front import Point, front, points
from stack.tuning.readings import Figures
from stack.tuning.turns import Turn
from tests.stack.tuning.planted import VALUES


def point(per_second: float, p99_ms: float) -> Point:
    return Point(VALUES, 1, per_second, p99_ms)


def test_only_what_no_other_beats_in_both_is_on_the_front() -> None:
    best = [point(100, 1), point(200, 5), point(300, 9)]
    beaten = [point(90, 1), point(150, 6), point(300, 10), point(80, 20)]
    assert front([*beaten, *best]) == best


def test_a_slow_moment_does_not_make_a_point_worse() -> None:
    other = replace(VALUES, instances=2)

    def turn(speed: float, ratio: float) -> Turn:
        shipped = Figures(100 * speed, 1, 10 / speed)
        return Turn({8: shipped}, {8: Figures(shipped.per_second * ratio, 1, shipped.p99_ms / 2)})

    taken = [(VALUES, turn(1.0, 1.0)), (VALUES, turn(1.0, 1.0)), (other, turn(0.5, 1.5))]
    found = {one.values: one for one in points(taken)}
    assert found[other].per_second == pytest.approx(150)
    assert found[other].p99_ms == pytest.approx(5)
