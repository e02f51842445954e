"""Windows of several generator processes as those of one."""

from collections import Counter
from collections.abc import Callable, Sequence

from loadtest.histogram import merged
from loadtest.results import Window


def merge_windows(windows: Sequence[Window]) -> Window:
    """The same second, seen by every process that still had something to tell."""
    errors: Counter[str] = Counter()
    for window in windows:
        errors.update(window.errors)

    def total(of: Callable[[Window], int]) -> int:
        return sum(map(of, windows))

    return Window(
        at_s=windows[0].at_s,
        warmup=windows[0].warmup,
        planned=total(lambda window: window.planned),
        sent=total(lambda window: window.sent),
        missed=total(lambda window: window.missed),
        answered=total(lambda window: window.answered),
        limited=total(lambda window: window.limited),
        errors=dict(errors),
        service=merged([window.service for window in windows]),
        corrected=merged([window.corrected for window in windows]),
        first_event=merged([window.first_event for window in windows]),
        in_flight=total(lambda window: window.in_flight),
        generator_cpu=max(window.generator_cpu for window in windows),
        generator_cores=sum(window.generator_cores for window in windows),
    )
