"""Where connections come from; with client certificates in `test_server_tls.py`."""

import asyncio
import socket
from pathlib import Path

from gateway.data.peer import Peer, peer_of
from tests.gateway.helpers import run


async def _peer_at(listening: socket.socket, client: socket.socket) -> Peer:
    """The peer of a connection from this client, as the listening side sees it."""
    loop = asyncio.get_running_loop()
    seen = loop.create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.set_result(peer_of(transport))

    create = loop.create_server
    if listening.family == socket.AF_UNIX:
        create = loop.create_unix_server  # type: ignore[assignment]
    server = await create(Accepting, sock=listening)
    client.setblocking(False)
    with client:
        await loop.sock_connect(client, listening.getsockname())
        peer: Peer = await seen
    server.close()
    return peer


def test_a_client_is_known_by_its_address() -> None:
    async def test() -> None:
        peer = await _peer_at(socket.create_server(("127.0.0.1", 0)), socket.socket())
        assert peer == Peer("127.0.0.1")
        assert peer.log_members == b'"peer":"127.0.0.1"'

    run(test)


def test_a_client_of_a_unix_socket_has_no_address(tmp_path: Path) -> None:
    async def test() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "socket"))
        assert await _peer_at(listening, socket.socket(socket.AF_UNIX)) == Peer("")

    run(test)
