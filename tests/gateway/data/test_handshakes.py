"""Clients that connect and do not speak TLS: what they take, and who gets through beside them."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from gateway.data import handshakes
from gateway.data.handshakes import most_handshakes
from gateway.tls import TlsFiles, load_tls
from tests.gateway.certificates import client_context, write_pair
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import Gateway, RawClient, get, run, running, until

LIVE = get(b"/v2/health/live", None)
LIMIT = most_handshakes(20)
SILENT = 4 * LIMIT
# The connection to it and its own end.
TRITON = 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    return write_pair(authority, tmp_path)


@contextmanager
def silent_clients(gateway: Gateway, count: int) -> Iterator[None]:
    with ExitStack() as opened:
        for _ in range(count):
            address = ("127.0.0.1", gateway.server.port)
            opened.enter_context(socket.create_connection(address))
        yield


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_silent_clients_take_a_bounded_number_of_files_and_others_are_served(
    files: TlsFiles, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        tls = load_tls(files).context
        async with running(FakeTriton(), tls=tls, max_connections_of_clients=20) as gateway:
            before = open_files()
            with silent_clients(gateway, SILENT):
                await until(lambda: open_files() - before - SILENT == LIMIT)
                for _ in range(3):
                    client = await gateway.connect(client_context(authority))
                    assert (await client.ask(LIVE)).status == 200
                    client.close()
                await until(lambda: gateway.server.open_connections == 0)
                assert open_files() - before - SILENT <= LIMIT + TRITON
            await until(lambda: open_files() <= before + TRITON)

    with caplog.at_level(logging.WARNING):
        run(test)
    assert not caplog.records


def test_a_handshake_that_is_under_way_when_the_end_comes_is_let_through(
    files: TlsFiles, authority: trustme.CA
) -> None:
    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context) as gateway:
            raw = socket.create_connection(("127.0.0.1", gateway.server.port))
            handshaking = gateway.server._handshakes
            assert handshaking is not None
            await until(lambda: len(handshaking) == 1)
            draining = asyncio.create_task(gateway.server.drain(30))
            await until(lambda: gateway.gate.is_draining)
            opening = asyncio.open_connection(
                sock=raw, ssl=client_context(authority), server_hostname="gateway"
            )
            client = RawClient(*await opening)
            answer = await client.ask(LIVE)
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            client.close()
            await draining

    run(test)


def test_without_files_accepting_rests_and_goes_on(
    files: TlsFiles,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(handshakes, "_REST_S", 0.01)

    class Listener(socket.socket):
        failures = 3

        def accept(self) -> tuple[socket.socket, object]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    async def test() -> None:
        async with running(FakeTriton(), tls=load_tls(files).context) as gateway:
            handshaking = gateway.server._handshakes
            assert handshaking is not None
            with Listener() as listener:
                listener.bind(("127.0.0.1", 0))
                handshaking.listen(listener, 8)
                port = listener.getsockname()[1]
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=client_context(authority), server_hostname="gateway"
                )
                writer.transport.abort()
                handshaking.stop_accepting()

    run(test)
    assert capsys.readouterr().out.count("cannot_accept") == 3
