"""Listens for clients, watches their deadlines, and drains when the worker is to end."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Sequence
from socket import socket

import structlog

from gateway.data.client_connection import ClientConnection
from gateway.data.gate import Gate
from gateway.data.handshakes import Handshakes, most_handshakes

# One timer for all connections: a timer for each request would cost more than its parsing.
SWEEP_S = 0.25
PUBLISH_EVERY_S = 1.0
COMPLAIN_EVERY_S = 60.0
BACKLOG = 1024
_LOOK_S = 0.02
# The event loop tells a connection that was aborted when it next comes round.
_ABORT_S = 1.0

_log = structlog.get_logger()


class Server:
    """The listening sockets and the connections made to them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._connections: dict[ClientConnection, None] = {}
        self._sockets: Sequence[socket] = ()
        self._listeners: list[asyncio.Server] = []
        # None: no TLS.
        self._handshakes: Handshakes | None = None
        self._sweep: asyncio.TimerHandle
        # When metrics are due, and when it may be said next that they cannot be written.
        self._publish_s = 0.0
        self._complain_s = 0.0

    async def start(self, sockets: Sequence[socket], tls: ssl.SSLContext | None = None) -> None:
        """Accept on these bound sockets, which are closed when it ends."""
        self._sockets = sockets
        if tls is not None:
            self._accept_tls(tls)
        else:
            for sock in sockets:
                self._listeners.append(await self._listen(sock))
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_forever)

    def use_tls(self, tls: ssl.SSLContext, *, has_lost_authorities: bool = False) -> None:
        """New connections get this context; those that are there keep what they have.

        Where authorities were lost, no certificate is trusted for which they may have vouched.
        """
        assert self._handshakes is not None
        self._handshakes.tls = tls
        if not has_lost_authorities:
            return
        self._handshakes.abort()
        for connection in self._connections:
            if connection.peer.subject:
                connection.distrust()
        self.retire_ended(time.time())

    def retire_ended(self, now_s: float) -> None:
        """End the connections whose certificate holds no more, once they have answered."""
        for connection in tuple(self._connections):
            if connection.peer.ends_s <= now_s:
                connection.retire()

    @property
    def port(self) -> int:
        """The port that is listened on, also when 0 was asked for."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def drain(self, limit_s: float) -> None:
        """Accept nothing more, let requests in flight finish for so long at most, close all."""
        self._gate.is_draining = True
        self._stop_accepting()
        # What was accepted just before is in no list until the event loop has come round.
        await asyncio.sleep(0)
        now_s = self._gate.now_s
        end_s = now_s() + limit_s
        while self._is_in_use and now_s() < end_s:
            for connection in tuple(self._connections):
                connection.drain()
            await asyncio.sleep(_LOOK_S)
        await self._abort_all()
        self._sweep.cancel()
        self._publish()
        self._gate.replicas.close()
        if self._gate.access_log is not None:
            self._gate.access_log.close()

    @property
    def _is_in_use(self) -> bool:
        return bool(self._connections or self._handshakes)

    async def _abort_all(self) -> None:
        """What is cut off is still to be counted and logged: wait until each was told."""
        if self._handshakes is not None:
            self._handshakes.abort()
        for connection in tuple(self._connections):
            connection.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ABORT_S):
                while self._is_in_use:
                    await asyncio.sleep(0)

    def expire(self, now_s: float, *, late_s: float = 0.0) -> None:
        """Tell every connection whose deadline has passed."""
        self._gate.tick_s = now_s
        for connection in [c for c in self._connections if c.deadline_s <= now_s - late_s]:
            try:
                connection.expire()
            except Exception as error:  # the others' time goes on
                _log.error("expiry_failed", exc_info=error)
                connection.abort()

    def _accept_tls(self, tls: ssl.SSLContext) -> None:
        gate = self._gate
        self._handshakes = Handshakes(
            self._new_connection,
            tls,
            limit=most_handshakes(gate.max_connections),
            timeout_s=gate.times.handshake_s,
        )
        for sock in self._sockets:
            self._handshakes.listen(sock, BACKLOG)

    async def _listen(self, sock: socket) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            self._new_connection, sock=sock.dup(), backlog=BACKLOG
        )

    def _new_connection(self) -> ClientConnection:
        return ClientConnection(self._gate, self._connections)

    def _stop_accepting(self) -> None:
        """Only this process's hold on the sockets ends: another that has them accepts on."""
        for listener in self._listeners:
            listener.close()
        if self._handshakes is not None:
            self._handshakes.stop_accepting()
        for sock in self._sockets:
            sock.close()

    def _sweep_forever(self) -> None:
        # First: whatever fails below, time goes on.
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_forever)
        gate = self._gate
        # Deadlines were set by the tick before, at most a sweep too early.
        self.expire(gate.now_s(), late_s=SWEEP_S)
        if gate.access_log is not None:
            gate.access_log.flush()
        if gate.tick_s >= self._publish_s:
            self._publish_s = gate.tick_s + PUBLISH_EVERY_S
            self._publish()
            if self._handshakes is not None:
                self.retire_ended(time.time())

    def _publish(self) -> None:
        try:
            self._gate.metrics.publish()
            self._gate.metrics.quotas.publish(self._gate.quotas)
        except Exception as error:  # a full disk, most likely; requests do not need metrics
            now_s = self._gate.now_s()
            if now_s >= self._complain_s:
                self._complain_s = now_s + COMPLAIN_EVERY_S
                _log.error("metrics_not_published", error=repr(error))
