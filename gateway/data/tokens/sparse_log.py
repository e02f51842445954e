"""Keeps what anybody can cause as often as they like from filling the log."""

from collections.abc import Callable, Hashable

EVERY_S = 60.0
MAX_KNOWN = 1000


class SparseLog:
    """Says whether something is to be logged: once a minute for each thing."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._logged_s: dict[Hashable, float] = {}

    def is_due(self, thing: Hashable) -> bool:
        """Whether the thing was not logged within the last minute; from now on it was."""
        now_s = self._clock_s()
        if now_s - self._logged_s.get(thing, -EVERY_S) < EVERY_S:
            return False
        if len(self._logged_s) >= MAX_KNOWN:
            self._logged_s.clear()
        self._logged_s[thing] = now_s
        return True
