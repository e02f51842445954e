"""The throughput-latency front: the points that no other beats in both."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stack.tuning.readings import Figures
from stack.tuning.turns import Turn
from stack.tuning.values import Values


@dataclass(frozen=True)
class Point:
    """Some values at one load, with the drift of the machine's speed taken out."""

    values: Values
    users: int
    per_second: float
    p99_ms: float


def front(points: Iterable[Point]) -> list[Point]:
    """Those of which no other has more throughput at no higher p99; the fastest answer first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.p99_ms, -point.per_second)):
        if not best or point.per_second > best[-1].per_second:
            best.append(point)
    return best


def points(taken: Sequence[tuple[Values, Turn]]) -> list[Point]:
    """One for each of the values at each load, as if all had been measured at one moment.

    Every turn has the shipped model beside the other, so a slow moment shows in both: what counts
    is the ratio, times what the shipped model did on the whole.
    """
    if not taken:
        return []
    loads = sorted({users for _, turn in taken for users in turn.shipped})
    usual = {
        users: _usual([turn.shipped[users] for _, turn in taken if users in turn.shipped])
        for users in loads
    }
    ratios: dict[tuple[Values, int], list[tuple[float, float]]] = {}
    for values, turn in taken:
        for users, figures in turn.other.items():
            beside = turn.shipped[users]
            ratio = (figures.per_second / beside.per_second, figures.p99_ms / beside.p99_ms)
            ratios.setdefault((values, users), []).append(ratio)
    return [
        Point(
            values,
            users,
            usual[users].per_second * statistics.geometric_mean(rate for rate, _ in found),
            usual[users].p99_ms * statistics.geometric_mean(p99 for _, p99 in found),
        )
        for (values, users), found in ratios.items()
    ]


def _usual(figures: Sequence[Figures]) -> Figures:
    return Figures(
        statistics.median(one.per_second for one in figures),
        statistics.median(one.p50_ms for one in figures),
        statistics.median(one.p99_ms for one in figures),
    )
