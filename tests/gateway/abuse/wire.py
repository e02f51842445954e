"""A client's connection and Triton's without sockets or time: every byte comes when a test says."""

import asyncio
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, cast

import pytest

from gateway.compiled import is_compiled
from gateway.data.client_connection import ClientConnection
from gateway.data.peer import Peer
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Replica
from gateway.data.upstream import Pool
from gateway.data.upstream_connection import Caller, UpstreamConnection
from tests.gateway.abuse.asked_reader import AskedReader
from tests.gateway.fake_triton import OK, Asked
from tests.gateway.helpers import Gateway

Reply = Callable[[Asked], Iterable[bytes]]


def ok(_: Asked) -> Iterable[bytes]:
    """What Triton answers if nothing else is said: pieces of one answer."""
    return [OK]


class FakeTransport(asyncio.Transport):
    """One end of a connection; what is written is kept, and the peer takes it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.unread_bytes = 0
        self.is_paused = False
        self.is_ended = False
        self._is_closing = False

    def write(self, data: Any) -> None:
        assert not self.is_ended, "written after the end"
        if not self._is_closing:
            self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_ended = True

    def close(self) -> None:
        self._is_closing = True

    abort = close

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes


class UpstreamLine:
    """One connection to a Triton that reads strictly and answers whole requests."""

    def __init__(self, pool: "FakePool") -> None:
        self.transport = FakeTransport()
        self.connection = UpstreamConnection(cast(Pool, pool))
        self.connection.connection_made(self.transport)
        self._reader = AskedReader()

    def turn(self, asked: list[Asked], reply: Reply) -> bool:
        """Read what was written and answer what is whole; whether anything happened."""
        data = bytes(self.transport.written)
        self.transport.written.clear()
        found = self._reader.feed(data)
        for one in found:
            asked.append(one)
            for piece in reply(one):
                if not self.transport.is_closing():
                    self.connection.data_received(piece)
        return bool(found)


class FakePool:
    """As many connections as are needed, each kept and used again as the real pool does."""

    name = "triton:8000"
    authority = name.encode()
    max_connections = 8

    def __init__(self) -> None:
        if is_compiled():
            pytest.skip("compiled code takes no pool but the real one")
        self.lines: list[UpstreamLine] = []
        self.idle: list[UpstreamConnection] = []

    def acquire(self, caller: Caller) -> bool:
        if not self.idle:
            line = UpstreamLine(self)
            self.lines.append(line)
            self.idle.append(line.connection)
        caller.on_connection(self.idle.pop())
        return True

    def give_up(self, caller: Caller) -> None: ...
    def opened(self, connection: UpstreamConnection) -> None: ...
    def broke(self) -> None: ...

    def released(self, connection: UpstreamConnection) -> None:
        assert connection not in self.idle, "released twice"
        self.idle.append(connection)

    def closed(self, connection: UpstreamConnection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)

    def turn(self, asked: list[Asked], reply: Reply) -> bool:
        happened = False
        for line in tuple(self.lines):
            if line.transport.is_closing():
                self.lines.remove(line)
                line.connection.connection_lost(None)
                happened = True
            else:
                happened |= line.turn(asked, reply)
        return happened


class Wire:
    """A gateway with one client; nothing happens by itself."""

    def __init__(self, reply: Reply = ok) -> None:
        self._gateway = _gateway()
        self.gate = self._gateway.gate
        self.gate.metrics.in_flight = 0
        self.pool = FakePool()
        pool = cast(Pool, self.pool)
        self.gate.replicas = Replicas([Replica(pool, pool)], now_s=self.gate.now_s)
        # What was made with the pool before.
        self.gate.__post_init__()
        self.token = self._gateway.token.encode()
        self.asked: list[Asked] = []
        self._reply = reply
        self._coming: list[bytes] = []
        self._is_lost = False
        self.transport = FakeTransport()
        connections = self._gateway.server._connections
        connections.clear()
        self.connection = ClientConnection(self.gate, connections)
        self.connection.connection_made(self.transport)

    async def know_the_key(self) -> None:
        """Look the key up now, so that no task is needed later."""
        peer = Peer("")
        if self.gate.authenticator.known(self.token, peer) is None:
            await self.gate.authenticator.look_up(self.token, peer)

    @property
    def is_closed(self) -> bool:
        """Whether the client sees the end of its connection."""
        return self.transport.is_closing() or self.transport.is_ended

    @property
    def received(self) -> bytes:
        """All that the client was sent."""
        return bytes(self.transport.written)

    async def send(self, data: bytes) -> None:
        """The client sends, and everybody does what comes of it."""
        self._coming.append(data)
        self.turn()
        while self._is_inflating:
            await asyncio.sleep(0)
            self.turn()

    @property
    def _is_inflating(self) -> bool:
        """Whether a body is inflated step by step, between which other connections go on."""
        current = self.connection._current
        return current is not None and current.body.is_pending

    def end(self) -> None:
        """The client closes its side; unless told otherwise an event loop then closes ours."""
        if not self._is_lost and not self.connection.eof_received():
            self.transport.close()
        self.turn()

    def reset(self) -> None:
        """The client breaks the connection off."""
        self.transport.abort()
        self.turn()

    def pass_time(self, seconds: float) -> None:
        self._gateway.pass_time(seconds)
        self.turn()

    def wait_for_the_end(self) -> None:
        """Let time pass until nothing more can happen; every connection comes to an end."""
        for _ in range(20):
            if self._is_lost:
                return
            self.pass_time(1000)
        raise AssertionError("the connection never ends")

    def turn(self) -> None:
        """Let everybody act until there is nothing left to do."""
        while self._turn_client() | self.pool.turn(self.asked, self._reply):
            pass

    def _turn_client(self) -> bool:
        if self._is_lost:
            return False
        if self.transport.is_closing():
            self._is_lost = True
            self.connection.connection_lost(None)
            return True
        if not self._coming or self.transport.is_paused:
            return False
        self.connection.data_received(self._coming.pop(0))
        return True


@cache
def _gateway() -> Gateway:
    """Made once: making metrics and keys takes longer than a request."""
    return Gateway(0)


async def new_wire(reply: Reply = ok) -> Wire:
    """A wire whose key is known already."""
    wire = Wire(reply)
    await wire.know_the_key()
    return wire
