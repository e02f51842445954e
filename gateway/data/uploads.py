"""How many bodies may hold a connection to Triton while they are still arriving.

A client that sends slowly would else keep a connection from all others, and one caller with many
such bodies all connections.
"""

from collections import Counter
from typing import Protocol


class Uploader(Protocol):
    """A request whose body is not whole."""

    def on_turn(self) -> None:
        """It may go on."""


class Uploads:
    """So many at once in all, and so many of one caller; others wait for their turn."""

    def __init__(self, connections: int) -> None:
        # To all Tritons.
        self.connections = connections
        self._taken: Counter[str] = Counter()
        self._waiting: dict[Uploader, str] = {}

    def take(self, uploader: Uploader, caller_id: str) -> bool:
        """Whether it may go on now; if not it is called when it may, or leaves."""
        if not self._has_room(caller_id):
            self._waiting[uploader] = caller_id
            return False
        self._taken[caller_id] += 1
        return True

    def leave(self, uploader: Uploader) -> None:
        """It waits no longer."""
        self._waiting.pop(uploader, None)

    def give_back(self, caller_id: str) -> None:
        """One that was taken is over; who came first of those that may has the next turn."""
        self._taken[caller_id] -= 1
        if not self._taken[caller_id]:
            del self._taken[caller_id]
        for uploader, waiting_id in self._waiting.items():
            if self._has_room(waiting_id):
                del self._waiting[uploader]
                self._taken[waiting_id] += 1
                uploader.on_turn()
                return

    @property
    def taken(self) -> int:
        """How many there are now."""
        return self._taken.total()

    def _has_room(self, caller_id: str) -> bool:
        most, most_each = max(1, self.connections // 2), max(1, self.connections // 4)
        return self._taken.total() < most and self._taken[caller_id] < most_each
