"""How many clients may be connected to a worker at once, and how many of one address."""

from collections import Counter
from itertools import islice
from typing import Protocol, TypeVar

LOOKED_AT_FOR_ROOM = 64
# Of all connections; the rest is for others, however many one opens.
SHARE_OF_ONE_ADDRESS = 0.75


class Member(Protocol):
    """A client's connection."""

    @property
    def is_idle(self) -> bool: ...
    def abort(self) -> None: ...


M = TypeVar("M", bound=Member)


def enter(
    connections: dict[M, None], addresses: Counter[str], newcomer: M, address: str, *, limit: int
) -> str:
    """Add a connection; why it must go again at once, else empty. An idle one may go instead."""
    connections[newcomer] = None
    addresses[address] += 1
    if addresses[address] > max(1, limit * SHARE_OF_ONE_ADDRESS):
        return "Most of the connections are of this address; close some."
    if len(connections) > limit and not _make_room(connections, newcomer):
        return f"{limit} connections are open; try again."
    return ""


def leave(connections: dict[M, None], addresses: Counter[str], member: M, address: str) -> None:
    """A connection has ended."""
    connections.pop(member, None)
    addresses[address] -= 1
    if not addresses[address]:
        del addresses[address]


def _make_room(connections: dict[M, None], newcomer: M) -> bool:
    """Whether an idle connection could be closed, looked for among the oldest."""
    for connection in list(islice(connections, LOOKED_AT_FOR_ROOM)):
        if connection.is_idle and connection is not newcomer:
            connection.abort()
            return True
        # Later ones are to be looked at, too.
        del connections[connection]
        connections[connection] = None
    return False
