"""Who holds leases: a name that outlives its worker, so that what a dead one held is freed soon.

Nobody else can tell a dead worker from a slow one, so its leases run until their end. Whoever
started it can, and gives its name to the worker that comes in its place: with the first Ask of
that one the store ends the lease of the one before.
"""

import os
from typing import NamedTuple

# A life counts its epochs and Renewals from here up. 2**36 Renewals are two years of a thousand a
# second, and 2**17 lives still stay below 2**53 (protocol.py).
_LIFE_BITS = 36
_MOST_LIVES = 2**17


class HolderId(NamedTuple):
    """One life of a holder; a later one of the same name ends all leases of those before."""

    name: str
    life: int = 0

    @property
    def first(self) -> int:
        """Above all numbers of earlier lives.

        >>> HolderId("a", 0).first, HolderId("a", 2).first == 2 * 2**36
        (0, True)
        """
        return self.life << _LIFE_BITS


def new_holder_id() -> HolderId:
    """Of a holder that was never there."""
    return HolderId(os.urandom(8).hex())


class HolderIds:
    """Gives names to workers, and those of the dead again."""

    def __init__(self) -> None:
        self._free: list[HolderId] = []

    def take(self) -> HolderId:
        """For a worker that is about to start."""
        return self._free.pop() if self._free else new_holder_id()

    def give_back(self, holder_id: HolderId) -> None:
        """Its worker is dead: not merely told to end, since its leases are over from here on."""
        name, life = holder_id
        if life + 1 < _MOST_LIVES:
            self._free.append(HolderId(name, life + 1))
