"""Finds the highest rate that holds: doubling until one fails, then bisection.

Whether a rate holds is for the caller to say; this file knows no latency and no clock.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

PRECISION = 0.05


@dataclass(frozen=True)
class Candidate:
    """A rate that was tried; `failed` says why it does not hold, and is empty where it does."""

    rate: float
    failed: str = ""


@dataclass(frozen=True)
class Found:
    """The highest rate that holds and the lowest that does not; None where there was none."""

    holds: Candidate | None
    fails: Candidate | None


def highest_rate(
    try_rate: Callable[[float], Candidate], *, start: float, most: float, least: float
) -> Found:
    """Search between `start` (or below it down to `least`, if it fails) and `most`, to within 5 %.

    It supposes that a rate below one that holds also holds.
    """
    found = _bracket(try_rate, start, most, least)
    while found.holds and found.fails and found.fails.rate > found.holds.rate * (1 + PRECISION):
        middle = try_rate(math.sqrt(found.holds.rate * found.fails.rate))
        found = Found(found.holds, middle) if middle.failed else Found(middle, found.fails)
    return found


def _bracket(
    try_rate: Callable[[float], Candidate], start: float, most: float, least: float
) -> Found:
    tried = try_rate(start)
    if tried.failed:
        return _down(try_rate, tried, least)
    while tried.rate < most:
        above = try_rate(min(tried.rate * 2, most))
        if above.failed:
            return Found(tried, above)
        tried = above
    return Found(tried, None)


def _down(try_rate: Callable[[float], Candidate], failed: Candidate, least: float) -> Found:
    while failed.rate > least:
        tried = try_rate(max(failed.rate / 2, least))
        if not tried.failed:
            return Found(tried, failed)
        failed = tried
    return Found(None, failed)
