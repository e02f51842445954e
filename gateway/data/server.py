"""Listens for clients, watches their deadlines, and drains when the worker is to end."""

import asyncio

from gateway.data.client_connection import ClientConnection
from gateway.data.gate import Gate

# One timer for all connections: a timer for each request would cost more than its parsing.
SWEEP_S = 0.25
BACKLOG = 1024


class Server:
    """The listening socket and the connections made to it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._connections: dict[ClientConnection, None] = {}
        self._listener: asyncio.Server
        self._sweep: asyncio.TimerHandle

    async def start(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: ClientConnection(self._gate, self._connections), host, port, backlog=BACKLOG
        )
        self._sweep = loop.call_later(SWEEP_S, self._sweep_forever)

    @property
    def port(self) -> int:
        """The port that is listened on, also when 0 was asked for."""
        return int(self._listener.sockets[0].getsockname()[1])

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def drain(self, limit_s: float) -> None:
        """Accept nothing more, let requests in flight finish for so long at most, close all."""
        self._gate.is_draining = True
        self._listener.close()
        for connection in tuple(self._connections):
            connection.drain()
        end_s = self._gate.now_s() + limit_s
        while self._connections and self._gate.now_s() < end_s:
            await asyncio.sleep(0.02)
        for connection in tuple(self._connections):
            connection.abort()
        self._sweep.cancel()
        self._gate.pool.close()
        if self._gate.access_log is not None:
            self._gate.access_log.close()

    def expire(self, now_s: float, *, late_s: float = 0.0) -> None:
        """Tell every connection whose deadline has passed."""
        self._gate.tick_s = now_s
        for connection in [c for c in self._connections if c.deadline_s <= now_s - late_s]:
            connection.expire()

    def _sweep_forever(self) -> None:
        gate = self._gate
        # Deadlines were set by the tick before, at most a sweep too early.
        self.expire(gate.now_s(), late_s=SWEEP_S)
        gate.metrics.publish()
        if gate.access_log is not None:
            gate.access_log.flush()
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(SWEEP_S, self._sweep_forever)
