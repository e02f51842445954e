"""Climbs from the shipped values, one value after the other, until nothing near is better."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from stack.tuning.bounds import Space
from stack.tuning.values import Values

# A worse p99 than this, against the shipped in the same turn, is no candidate. Single turns are
# noisy; the final rounds are the ones that decide.
HARM_ALLOWED = 1.10


@dataclass(frozen=True)
class Outcome:
    """What one turn said of some values, against the shipped ones in the same turn."""

    gain: float
    """Ratio of worth."""

    harm: float = 0.0
    refused: str = ""
    """Why they cannot be served at all."""

    @property
    def allowed(self) -> bool:
        return not self.refused and self.harm <= HARM_ALLOWED


@dataclass
class Search:
    """Coordinate ascent: every step has to be better by more than chance, twice.

    >>> Search(space, compare, margin=0.03, tries=24).climb(shipped)
    """

    space: Space
    compare: Callable[[Values], Outcome]
    margin: float
    """Logarithm of the ratio that chance alone may make."""
    tries: int
    """Most comparisons; each takes a turn."""
    made: int = 0
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def climb(self, shipped: Values) -> Values:
        """The best values that were found; the shipped ones where nothing is better."""
        best, gain = shipped, 1.0
        self._seen.add(self.space.key(shipped))
        moved = True
        while moved and self.made < self.tries:
            moved = False
            for name in self.space.ladders:
                for up in (True, False):
                    found = self._ascend(best, gain, name, up=up)
                    if found[0] != best:
                        best, gain = found
                        moved = True
                        break
        return best

    def _ascend(self, best: Values, gain: float, name: str, *, up: bool) -> tuple[Values, float]:
        """As far as it gets better in one direction."""
        while True:
            for values in self.space.neighbours(best, name, up=up):
                reached = self._better(values, gain)
                if reached is not None:
                    best, gain = values, reached
                    break
            else:
                return best, gain

    def _better(self, values: Values, gain: float) -> float | None:
        """The gain of these values if they beat another one; None if not, or if it was known."""
        key = self.space.key(values)
        if key in self._seen:
            return None
        self._seen.add(key)
        first = self._compare(values)
        if first is None or not self._beats(first, gain):
            return None
        # The best of many noisy figures is better than it is; a second one has no such luck.
        second = self._compare(values)
        if second is None or not second.allowed:
            return None
        both = math.sqrt(first.gain * second.gain)
        return both if math.log(both / gain) > self.margin else None

    def _beats(self, outcome: Outcome, gain: float) -> bool:
        return outcome.allowed and outcome.gain > gain * math.exp(self.margin)

    def _compare(self, values: Values) -> Outcome | None:
        if self.made >= self.tries:
            return None
        self.made += 1
        return self.compare(values)
