"""Lets a SIGTERM end a tuning in order, as Ctrl-C does."""

import signal

from loadtest.results import Load, Step
from stack.tuning.readings import Measure


class Ending:
    """A SIGTERM, told between two loads: an exception in its handler would be lost in one."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self, number: int, _: object) -> None:
        self._asked = True

    def watching(self, measure: Measure) -> Measure:
        """The same measurement, which ends the command where that was asked for."""

        def watched(name: str, load: Load) -> Step:
            if self._asked:
                raise SystemExit(128 + signal.SIGTERM)
            return measure(name, load)

        return watched
