"""What must hold of the log of admitted requests, for every interval and every window."""

from collections import defaultdict
from collections.abc import Iterable

from gateway.limits import Metric
from gateway.rates import Rate

METRICS = tuple(Metric)


def most_above_rate(events: Iterable[tuple[int, int]], rate: Rate) -> int:
    """By how much any interval has more than `burst + rate * T`, in millionths of a unit a period.

    `events` are moments in microseconds, in order, and units. Zero or less: none has more.
    What an interval has above its rate is the difference of two sums from the beginning.
    """
    per_unit = rate.period_s * 1_000_000
    total, lowest, most = 0, None, -rate.burst * per_unit
    for at_us, units in events:
        before = total * per_unit - at_us * rate.amount
        lowest = before if lowest is None else min(lowest, before)
        total += units
        most = max(most, total * per_unit - at_us * rate.amount - lowest - rate.burst * per_unit)
    return most


def largest_sum(events: Iterable[tuple[int, int]]) -> int:
    """Of (window, units), the most units in one window."""
    sums: dict[int, int] = defaultdict(int)
    for window, units in events:
        sums[window] += units
    return max(sums.values(), default=0)
