"""When a step may be believed: three windows in a row that say the same.

The seconds of a step make three windows of equal length. It is steady where neither the answers
nor the median latency of the three differ by more than 10 %, largest against smallest. Answers are
those of a second in a closed loop, and in an open one the share of what was due, which is not
even by itself. The median, because a p99 of some seconds rests on a handful of samples; and where
arrivals come by chance, medians may differ by what their own seconds scatter, for a queue at 70 %
of its capacity is never as even as 10 %, and steady all the same.
"""

import math
import statistics
from collections.abc import Callable, Sequence

from loadtest.figures import answered, held, limited, window_latency
from loadtest.histogram import merged, percentile_if_known
from loadtest.quantities import ms_text
from loadtest.results import Load, Loop, Step, Window

WINDOWS = 3
TOLERANCE = 0.10
# Below this, a difference is the clock's and the scheduler's, and no change of the server.
_LEAST_DIFFERENCE_US = 300.0
# Fewer say nothing of how they scatter.
_SECONDS_TO_SCATTER = 3
# The range of three draws is below so many standard deviations in 95 of 100 cases.
_RANGE_OF_THREE = 3.31

Measure = Callable[[str, Load], Step]


def unsteady(step: Step, *, tolerated_us: float = 0.0) -> str:
    """What was not steady, in words; empty when the step is.

    By so much medians may differ in any case: it does not matter to what is asked.
    """
    groups = _groups(held(step))
    if not groups:
        return f"fewer than {WINDOWS} seconds were measured"
    rates = [_answers(step, group) for group in groups]
    if min(rates) <= 0:
        return "a window had no good answer"
    if max(rates) > min(rates) * (1 + TOLERANCE):
        return f"answers went from {_rate(step, min(rates))} to {_rate(step, max(rates))}"
    medians = [_median_us(step, group) for group in groups]
    lowest, highest = min(medians), max(medians)
    least_us = max(_LEAST_DIFFERENCE_US, tolerated_us)
    allowed = max(lowest * TOLERANCE, least_us, _by_chance_us(step, groups))
    if highest - lowest > allowed:
        return f"the median went from {ms_text(lowest)} to {ms_text(highest)}"
    return ""


def until_steady(measure: Measure, label: str, load: Load, *, trials: int) -> list[Step]:
    """Hold a load until a step of it is steady, at most `trials` times; the last step counts.

    A server that is gone is not waited for.
    """
    steps = [measure(label, load)]
    while unsteady(steps[-1]) and not is_gone(steps[-1]) and len(steps) < trials:
        steps.append(measure(f"{label} (trial {len(steps) + 1})", load))
    return steps


def is_gone(step: Step) -> bool:
    """Whether nobody answered: neither well nor with a limit."""
    return not (answered(step) or limited(step))


def _groups(windows: Sequence[Window]) -> list[Sequence[Window]]:
    size = len(windows) // WINDOWS
    if not size:
        return []
    # What is left over by the division is left out at the beginning.
    rest = len(windows) - size * WINDOWS
    return [windows[rest + n * size : rest + (n + 1) * size] for n in range(WINDOWS)]


def _answers(step: Step, windows: Sequence[Window]) -> float:
    answered = sum(window.answered for window in windows)
    if step.load.loop is Loop.CLOSED:
        return answered / len(windows)
    return answered / max(1, sum(window.planned for window in windows))


def _by_chance_us(step: Step, groups: list[Sequence[Window]]) -> float:
    """By how much the windows' medians may differ when their seconds differ by chance alone."""
    if step.load.arrivals != "poisson" or len(groups[0]) < _SECONDS_TO_SCATTER:
        return 0.0
    variances = [
        statistics.variance([_median_us(step, [window]) for window in group]) / len(group)
        for group in groups
    ]
    return _RANGE_OF_THREE * math.sqrt(statistics.mean(variances))


def _rate(step: Step, answers: float) -> str:
    if step.load.loop is Loop.CLOSED:
        return f"{answers:,.0f} a second"
    return f"{answers:.0%} of what was due"


def _median_us(step: Step, windows: Sequence[Window]) -> float:
    return percentile_if_known(merged(window_latency(step, w) for w in windows), 0.5) or 0.0
