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
    # With status 200, to two requests on each.
    answers: int

    @property
    def all_answered(self) -> bool:
        return self.answers == 2 * self.connections

    @property
    def bytes_each(self) -> float:
        return (self.held_bytes - self.before_bytes) / self.connections


def idle(connections: int) -> Idle:
    """Open so many, each with one request; then ask once more on every one of them."""
    allow_open_files(connections + 1000)
    with gateway_before_fake_server() as gateway:
        request = Case("", "GET", "/v2/models/echo").wire("gateway", gateway.new_key().token)
        with _connect(gateway.port) as first:
            assert _is_answered(first, request), "the gateway answers nobody"
        before = resident_bytes(gateway.pid)
        begun_s = perf_counter()
        clients = [_connect(gateway.port) for _ in range(connections)]
        try:
            answers = sum(_is_answered(client, request) for client in clients)
            opened_s, held = perf_counter() - begun_s, resident_bytes(gateway.pid)
            begun_s = perf_counter()
            answers += sum(_is_answered(client, request) for client in clients)
            asked_again_s = perf_counter() - begun_s
            return Idle(connections, before, held, opened_s, asked_again_s, answers)
        finally:
            for client in clients:
                client.close()


def _connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _is_answered(client: socket.socket, request: bytes) -> bool:
    """Whether the connection is still there and serves."""
    try:
        client.sendall(request)
        return client.recv(4096).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False
