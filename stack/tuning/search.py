"""Climbs from the shipped values, one value after the other, until nothing near is better."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from stack.tuning.bounds import Space
from stack.tuning.values import Values


@dataclass(frozen=True)
class Outcome:
    """What one turn said of some values, against the shipped ones in the same turn."""

    gain: float
    """Ratio of worth."""

    harm: float = 0.0
    refused: str = ""
    """Why they cannot be served at all."""


@dataclass(frozen=True)
class Noise:
    """What chance alone makes of one turn."""

    gain: float
    """Logarithm of the ratio."""
    harm: float
    """The ratio itself."""


@dataclass
class Search:
    """Coordinate ascent: every step has to be better by more than chance, twice.

    >>> Search(space, compare, Noise(gain=0.03, harm=1.1), tries=24).climb(shipped)
    """

    space: Space
    compare: Callable[[Values], Outcome]
    noise: Noise
    tries: int
    """Most comparisons; each takes a turn."""
    made: int = 0
    _found: dict[Values, list[Outcome]] = field(default_factory=dict)
    _steps: list[Values] = field(default_factory=list)
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def climb(self, shipped: Values) -> Values:
        """The best values that were found; the shipped ones where nothing is better."""
        best, gain = shipped, 1.0
        self._seen.add(self.space.key(shipped))
        moved = True
        while moved and self.made < self.tries:
            moved = False
            for name in self.space.ladders:
                for up in (False, True):
                    found = self._ascend(best, gain, name, up=up)
                    if found[0] != best:
                        best, gain = found
                        moved = True
                        break
        return best

    def runners_up(self, best: Values) -> list[Values]:
        """Others that beat the shipped values beyond chance.

        First the steps that led to the best, the last of them first: one step less may do less
        harm. Then the rest, by what they gain and harm.
        """

        def merit(values: Values) -> float:
            outcomes = self._found[values]
            gain = math.prod(outcome.gain for outcome in outcomes) ** (1 / len(outcomes))
            return gain / max(1.0, *(outcome.harm for outcome in outcomes))

        beating = [
            values
            for values, outcomes in self._found.items()
            if values != best and all(self._beats(outcome, 1.0) for outcome in outcomes)
        ]
        beating.sort(key=merit, reverse=True)
        steps = [values for values in reversed(self._steps) if values in beating]
        return [*steps, *(values for values in beating if values not in steps)]

    def _ascend(self, best: Values, gain: float, name: str, *, up: bool) -> tuple[Values, float]:
        """As far as it gets better in one direction."""
        while True:
            for values in self.space.neighbours(best, name, up=up):
                reached = self._better(values, gain)
                if reached is not None:
                    best, gain = values, reached
                    self._steps.append(values)
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
        if second is None or not self._is_allowed(second):
            return None
        both = math.sqrt(first.gain * second.gain)
        return both if math.log(both / gain) > self.noise.gain else None

    def _beats(self, outcome: Outcome, gain: float) -> bool:
        return self._is_allowed(outcome) and outcome.gain > gain * math.exp(self.noise.gain)

    def _is_allowed(self, outcome: Outcome) -> bool:
        # Single turns are noisy; the final rounds are the ones that decide.
        return not outcome.refused and outcome.harm <= self.noise.harm

    def _compare(self, values: Values) -> Outcome | None:
        if self.made >= self.tries:
            return None
        self.made += 1
        outcome = self.compare(values)
        self._found.setdefault(values, []).append(outcome)
        return outcome
