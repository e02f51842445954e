"""Keep-alive connections to Triton: a bounded pool, the last used first, one request at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

from gateway.data.upstream_connection import Caller, UpstreamConnection
from gateway.errors import Overloaded, TritonUnavailable

CONNECT_TIMEOUT_S = 3.0
# Requests that may wait for a connection, as a multiple of the connections.
WAITING_PER_CONNECTION = 8


class Pool:
    """Connections to one Triton."""

    def __init__(self, host: str, port: int, *, max_connections: int) -> None:
        self._host = host
        self._port = port
        self.max_connections = max_connections
        self.name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.authority = self.name.encode()
        # Called when no connection can be made and none is left.
        self.on_refused: Callable[[], None] = _ignore
        self._is_resting = False
        # Where its requests in flight are told, to choose among pools by; None: it is the only one.
        self._loads: list[int] | None = None
        self._place = 0
        self._idle: list[UpstreamConnection] = []
        self._waiting: OrderedDict[Caller, None] = OrderedDict()
        self._connecting: set[asyncio.Task[None]] = set()
        self._open: set[UpstreamConnection] = set()

    def acquire(self, caller: Caller) -> bool:
        """Call the caller back with a connection; whether that or a refusal was done at once."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closing():
                if self._loads is not None:
                    self._tell_load()
                caller.on_connection(connection)
                return True
        limit = WAITING_PER_CONNECTION * self.max_connections
        if len(self._waiting) >= limit:
            caller.on_unavailable(Overloaded(f"{limit} requests wait for Triton; try again."))
            return True
        self._waiting[caller] = None
        self._tell_load()
        self._connect_if_needed()
        return False

    def give_up(self, caller: Caller) -> None:
        """The caller waits no longer."""
        self._waiting.pop(caller, None)
        self._tell_load()

    def close(self) -> None:
        """Close everything, also what is in use."""
        for task in tuple(self._connecting):
            task.cancel()
        for connection in tuple(self._open):
            connection.abort()

    def rest(self) -> None:
        """Keep no connection: idle ones close now, others after their answer.

        A Triton that was told to end waits until all are closed, and answers on them meanwhile.
        """
        self._is_resting = True
        self.broke()

    def resume(self) -> None:
        """Keep connections again."""
        self._is_resting = False

    @property
    def open_connections(self) -> int:
        return len(self._open)

    @property
    def in_flight(self) -> int:
        """Requests that have a connection or wait for one; counted nowhere, so it cannot drift."""
        return len(self._open) - len(self._idle) + len(self._waiting)

    def tell_load_at(self, loads: list[int], place: int) -> None:
        """Keep what is in flight up to date there: who chooses among many looks at one list."""
        self._loads, self._place = loads, place
        self._tell_load()

    def _tell_load(self) -> None:
        if self._loads is not None:
            # As `in_flight`, without the call.
            in_use = len(self._open) - len(self._idle)
            self._loads[self._place] = in_use + len(self._waiting)

    def released(self, connection: UpstreamConnection) -> None:
        """A connection has answered in full and can be used again."""
        if self._waiting:
            caller, _ = self._waiting.popitem(last=False)
            caller.on_connection(connection)
        elif self._is_resting:
            connection.abort()
        else:
            self._idle.append(connection)
        if self._loads is not None:
            self._tell_load()

    def opened(self, connection: UpstreamConnection) -> None:
        self._open.add(connection)

    def broke(self) -> None:
        """Triton closed a connection in use: if it has ended, the idle ones are about to close, and
        a request on one of them would be lost."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()
        self._tell_load()

    def closed(self, connection: UpstreamConnection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._tell_load()
        self._connect_if_needed()

    def _connect_if_needed(self) -> None:
        taken = len(self._open) + len(self._connecting)
        if len(self._waiting) <= len(self._connecting) or taken >= self.max_connections:
            return
        self._connecting.add(asyncio.get_running_loop().create_task(self._connect()))

    async def _connect(self) -> None:
        connection = await self._try_to_connect()
        # Before any caller hears of it: what asks next must not count on this attempt.
        self._connecting.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        if connection is not None:
            self.released(connection)
            # Whoever came since it was opened found it counted twice and started no other.
            self._connect_if_needed()
        elif not self._open:
            # With a connection left, who waits is served when that is released.
            self.on_refused()
            self._refuse_all()

    async def _try_to_connect(self) -> UpstreamConnection | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self), self._host, self._port
                )
        except (OSError, TimeoutError, UnicodeError):
            # UnicodeError: a host name that cannot be one.
            return None
        return connection

    def _refuse_all(self) -> None:
        waiting, self._waiting = self._waiting, OrderedDict()
        self._tell_load()
        for caller in waiting:
            caller.on_unavailable(
                TritonUnavailable(f"Triton does not answer at {self.name}; it may be restarting.")
            )


def _ignore() -> None:
    """Nobody wants to know."""
