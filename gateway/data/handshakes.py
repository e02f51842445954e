"""TLS handshakes: connections that were accepted and whose clients have not spoken TLS yet.

The event loop's own server keeps no list of them, and who connects and says nothing would take
every open file. So they are accepted here, and bounded.
"""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from socket import socket

import structlog

# Over twice the backlog: clients that come all at once wait there, and none is sent away.
MOST_HANDSHAKES = 4096
_ACCEPTED_AT_ONCE = 32
_REST_S = 1.0
# Each connection's own deadline ends it sooner; this one would cut off a slow reader's answer.
_TLS_SHUTDOWN_S = 24 * 3600.0

_log = structlog.get_logger()


def most_handshakes(max_connections: int) -> int:
    """How many may be under way, beside so many connections."""
    return min(MOST_HANDSHAKES, max(64, max_connections // 4))


class Handshakes:
    """Those under way, the oldest first; with one too many the oldest is broken off.

    A client that speaks TLS is done within a few round trips, so it is not among the oldest.
    """

    def __init__(
        self,
        new_connection: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext,
        *,
        limit: int,
        timeout_s: float,
    ) -> None:
        # What the next ones get.
        self.tls = tls
        self._new_connection = new_connection
        self._limit = limit
        self._timeout_s = timeout_s
        self._under_way: dict[asyncio.Task[None], None] = {}
        self._listeners: set[socket] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    def listen(self, listener: socket, backlog: int) -> None:
        """Accept on this bound socket."""
        listener.setblocking(False)
        listener.listen(backlog)
        self._listeners.add(listener)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def stop_accepting(self) -> None:
        """The listeners are the caller's again; what was accepted goes on."""
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
        self._listeners.clear()

    def abort(self) -> None:
        """Break off all that are under way."""
        for task in self._under_way:
            task.cancel()

    def _accept(self, listener: socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError as error:  # no more open files, say; asked at once it says so again
                _log.error("cannot_accept", error=str(error), again_in_s=_REST_S)
                self._rest(listener)
                return
            client.setblocking(False)
            self._begin(client)

    def _rest(self, listener: socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(_REST_S, self._go_on, listener)

    def _go_on(self, listener: socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _begin(self, client: socket) -> None:
        if len(self._under_way) >= self._limit:
            oldest = next(iter(self._under_way))
            del self._under_way[oldest]
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(self._shake_hands(client))
        self._under_way[task] = None
        task.add_done_callback(partial(self._end, client))

    async def _shake_hands(self, client: socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            self._new_connection,
            client,
            ssl=self.tls,
            ssl_handshake_timeout=self._timeout_s,
            ssl_shutdown_timeout=_TLS_SHUTDOWN_S,
        )

    def _end(self, client: socket, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            # If it was broken off before it began, nobody else does.
            client.close()
        # Who speaks no TLS, or too slowly, cannot be told.
        if error is not None and not isinstance(error, OSError):
            _log.error("handshake_failed", exc_info=error)
