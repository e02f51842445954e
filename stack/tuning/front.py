"""The throughput-latency front: the points that no other beats in both."""

from collections.abc import Iterable
from dataclasses import dataclass

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
