"""Which limits the store is to be asked for: at once, or with the next beat.

What nobody waits for goes with the beat, many together: for the store one is as much work as a
hundred.
"""

from collections.abc import Iterable
from itertools import chain, islice

from gateway.quotas.holding import Holding


class Due:
    """Each is due at once, or later, or not at all; those at once come first."""

    __slots__ = ("_at_once", "_is_beat", "_later")

    def __init__(self) -> None:
        self._at_once: dict[Holding, None] = {}
        self._later: dict[Holding, None] = {}
        # The time of the later ones has come, and some of them are still here.
        self._is_beat = False

    def __bool__(self) -> bool:
        return bool(self._at_once or self._later)

    @property
    def is_urgent(self) -> bool:
        """Whether something should not wait for the next beat."""
        return bool(self._at_once) or self._is_beat

    def add(self, holding: Holding) -> bool:
        """At once; whether that is news."""
        if holding in self._at_once:
            return False
        self._later.pop(holding, None)
        self._at_once[holding] = None
        return True

    def add_later(self, holding: Holding) -> None:
        """With the next beat, unless it is due at once."""
        if holding not in self._at_once:
            self._later[holding] = None

    def add_all(self, holdings: Iterable[Holding]) -> None:
        """At once, all of them."""
        for holding in holdings:
            self.add(holding)

    def beat(self) -> None:
        """Now the others may go as well."""
        self._is_beat = bool(self._later)

    def any(self) -> Holding:
        """One of them; there must be some."""
        return next(chain(self._at_once, self._later))

    def take(self, most: int) -> list[Holding]:
        """So many at most, which are due no more."""
        taken = list(islice(chain(self._at_once, self._later), most))
        for holding in taken:
            self._at_once.pop(holding, None)
            self._later.pop(holding, None)
        self._is_beat = self._is_beat and bool(self._later)
        return taken
