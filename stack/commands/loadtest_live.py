"""The live line of a load test: what it does now, on a terminal and nowhere else."""

import shutil
import sys

from loadtest.histogram import percentile_if_known
from loadtest.quantities import ms_text
from loadtest.results import Load, Loop, Window

_CLEAR = "\r\x1b[K"


class LiveLine:
    """One line on stderr that is written over and over, and gone in the end."""

    def __init__(self, plan: str) -> None:
        self._plan = plan
        self._shown = sys.stderr.isatty()

    def tell(self, label: str, load: Load, window: Window) -> None:
        """A second of a step is over."""
        if self._shown:
            line = f"{self._plan} {label}  {told(load, window)}"
            sys.stderr.write(_CLEAR + line[: _columns()])
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


def told(load: Load, window: Window) -> str:
    """One window in words: `7 of 17 s  482/s  p50 2.31 ms  p99 9.8 ms  3 errors`."""
    whole_s = round(load.warmup_s + load.duration_s)
    parts = [f"{min(window.at_s + 1, whole_s)} of {whole_s} s", f"{window.answered}/s"]
    latency = window.corrected if load.loop is Loop.OPEN else window.service
    for name, quantile in (("p50", 0.5), ("p99", 0.99)):
        us = percentile_if_known(latency, quantile)
        parts += [f"{name} {ms_text(us)}"] if us is not None else []
    counts = {
        "errors": sum(window.errors.values()),
        "over a limit": window.limited,
        "missed": window.missed,
    }
    parts += [f"{number:,} {name}" for name, number in counts.items() if number]
    return "  ".join([*parts, "warm-up"] if window.warmup else parts)


def _columns() -> int:
    return shutil.get_terminal_size().columns - 1
