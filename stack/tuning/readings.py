"""What was measured of one model: a few figures for each number of users."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtest.histogram import merged, percentile
from loadtest.results import Load, Step

Measure = Callable[[str, Load], Step]
"""Holds a load on the model of this name."""


@dataclass(frozen=True)
class Figures:
    """One model under one load."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int = 0


Reading = Mapping[int, Figures]
"""Users -> figures."""


def figures_of(steps: Sequence[Step]) -> Figures:
    """The few figures that the search compares, of the pieces of one load.

    Nothing answered is 0 a second, for ever.
    """
    windows = [window for step in steps for window in step.windows if not window.warmup]
    answered = sum(window.answered for window in windows)
    failed = sum(sum(window.errors.values()) + window.limited for window in windows)
    if answered == 0:
        return Figures(0.0, float("inf"), float("inf"), max(failed, 1))
    service = merged(window.service for window in windows)
    return Figures(
        answered / sum(step.seconds for step in steps),
        percentile(service, 0.5) / 1e3,
        percentile(service, 0.99) / 1e3,
        failed,
    )
