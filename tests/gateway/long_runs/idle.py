"""Very many clients that keep their connection and ask nothing, and then all ask again."""

import socket
from dataclasses import dataclass
from time import perf_counter

from tests.gateway.differential.case import Case
from tests.gateway.long_runs.parts import (
    allow_open_files,
    gateway_before_fake_server,
    resident_bytes,
)

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Idle:
    """What holding the connections cost."""

    connections: int
    before_bytes: int
    held_bytes: int
    opened_s: float
    asked_again_s: float

    @property
    def bytes_each(self) -> float:
        return (self.held_bytes - self.before_bytes) / self.connections


def idle(connections: int) -> Idle:
    """Open so many, each with one request; then ask once more on every one of them."""
    allow_open_files(connections + 1000)
    with gateway_before_fake_server() as gateway:
        request = Case("", "GET", "/v2/models/echo").wire("gateway", gateway.new_key().token)
        with _connect(gateway.port) as first:
            _ask_on(first, request)
        before = resident_bytes(gateway.pid)
        begun_s = perf_counter()
        clients = [_connect(gateway.port) for _ in range(connections)]
        try:
            for client in clients:
                _ask_on(client, request)
            opened_s, held = perf_counter() - begun_s, resident_bytes(gateway.pid)
            begun_s = perf_counter()
            for client in clients:
                _ask_on(client, request)
            return Idle(connections, before, held, opened_s, perf_counter() - begun_s)
        finally:
            for client in clients:
                client.close()


def _connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _ask_on(client: socket.socket, request: bytes) -> None:
    client.sendall(request)
    answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
