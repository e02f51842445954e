"""What was measured of one model: a few figures for each number of users."""

import statistics
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


def figures_of(pieces: Sequence[Step]) -> Figures:
    """The few figures that the search compares: of each, the median over the pieces of a load.

    What else the machine does for a moment spoils one piece, and not the median.
    """
    each = [_figures(piece) for piece in pieces]
    return Figures(
        statistics.median(figures.per_second for figures in each),
        statistics.median(figures.p50_ms for figures in each),
        statistics.median(figures.p99_ms for figures in each),
        sum(figures.failed for figures in each),
    )


def _figures(step: Step) -> Figures:
    """Nothing answered is 0 a second, for ever."""
    windows = [window for window in step.windows if not window.warmup]
    answered = sum(window.answered for window in windows)
    failed = sum(sum(window.errors.values()) + window.limited for window in windows)
    if answered == 0:
        return Figures(0.0, float("inf"), float("inf"), max(failed, 1))
    service = merged(window.service for window in windows)
    p50_us, p99_us = percentile(service, 0.5), percentile(service, 0.99)
    return Figures(answered / step.seconds, p50_us / 1e3, p99_us / 1e3, failed)
