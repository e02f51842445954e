"""The way of a request that changes Triton itself: to all of them, one after another.

The first that fails ends it, by name: what was done at those before it stays done.
"""

import msgspec

from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Replica
from gateway.errors import HttpError

_OK = 200


class _Told(msgspec.Struct):
    error: str


class Everywhere:
    """Who has done it, and who is `next`."""

    __slots__ = ("_done", "_left", "kept", "names_triton", "next")

    def __init__(self, group: Replicas) -> None:
        # Those that may be down come last.
        first, *self._left = sorted(group.all, key=lambda one: not one.standing.is_usable)
        self.next: Replica = first
        self._done: list[Replica] = []
        self.kept: list[bytes] | None = None
        self.names_triton = True

    def keep(self, parts: list[bytes], size_bytes: int) -> None:
        """Such bodies are small: hold it for the others."""
        self.kept = parts

    def goes_on_unsent(self) -> bool:
        """One that cannot be reached has not done it."""
        return False

    def goes_on_unheard(self, *, is_silent: bool) -> bool:
        """Nor may one have that broke off."""
        return False

    def goes_on_answered(self, status: int) -> bool:
        """Whether it was done, and there is another to ask, `next`."""
        self.next.is_index_due = True
        if status != _OK or not self._left:
            return False
        self._done.append(self.next)
        self.next = self._left.pop(0)
        return True

    def explained(self, error: HttpError) -> HttpError:
        """The error with the name of who failed and those who have done it."""
        return type(error)(f"{error} {self._progress}")

    def explained_body(self, status: int, parts: list[bytes]) -> list[bytes]:
        """The same for what Triton says itself."""
        if status == _OK:
            return parts
        body = b"".join(parts)
        try:
            told = msgspec.json.decode(body, type=_Told).error
        except msgspec.DecodeError:
            return [body]
        return [msgspec.json.encode({"error": f"{told} {self._progress}"})]

    @property
    def _progress(self) -> str:
        done = ", ".join(replica.name for replica in self._done) or "none"
        return f"(Failed at {self.next.name}; done at: {done}.)"
