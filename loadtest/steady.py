"""When a step may be believed: three windows in a row that say the same.

The seconds of a step make three windows of equal length. It is steady where neither the answers
nor the median latency of the three differ by more than 10 %, largest against smallest. Answers are
those of a second in a closed loop, and in an open one the share of what was due, which is not
even by itself. The median, because a p99 of some seconds rests on a handful of samples.
"""

from collections.abc import Callable, Sequence

from loadtest.figures import measured, window_latency
from loadtest.histogram import merged, percentile_if_known
from loadtest.results import Load, Loop, Step, Window

WINDOWS = 3
TOLERANCE = 0.10
# Below this, a difference is the clock's and the scheduler's, and no change of the server.
_LEAST_DIFFERENCE_US = 300.0

Measure = Callable[[str, Load], Step]


def unsteady(step: Step) -> str:
    """What was not steady, in words; empty when the step is."""
    groups = _groups(measured(step))
    if not groups:
        return f"fewer than {WINDOWS} seconds were measured"
    rates = [_answers(step, group) for group in groups]
    if min(rates) <= 0:
        return "a window had no good answer"
    if max(rates) > min(rates) * (1 + TOLERANCE):
        return f"answers went from {_rate(step, min(rates))} to {_rate(step, max(rates))}"
    medians = [_median_us(step, group) for group in groups]
    lowest, highest = min(medians), max(medians)
    if highest > lowest * (1 + TOLERANCE) and highest - lowest > _LEAST_DIFFERENCE_US:
        return f"the median went from {lowest / 1e3:.3g} to {highest / 1e3:.3g} ms"
    return ""


def until_steady(measure: Measure, label: str, load: Load, *, trials: int) -> Step:
    """Hold a load until a step of it is steady, at most `trials` times; the last step measured."""
    step = measure(label, load)
    for trial in range(2, trials + 1):
        if not unsteady(step):
            break
        step = measure(f"{label} (trial {trial})", load)
    return step


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


def _rate(step: Step, answers: float) -> str:
    if step.load.loop is Loop.CLOSED:
        return f"{answers:,.0f} a second"
    return f"{answers:.0%} of what was due"


def _median_us(step: Step, windows: Sequence[Window]) -> float:
    return percentile_if_known(merged(window_latency(step, w) for w in windows), 0.5) or 0.0
