"""What clients see of a worker that is about to end."""

import asyncio
import socket
from pathlib import Path

import pytest
import trustme

from gateway.data.access_log import AccessLog
from gateway.data.client_connection import ClientConnection
from gateway.tls import load_tls
from tests.gateway.certificates import client_context, write_pair
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import INFER, PATIENCE_S, assert_problem, get, post, run, running, until

LIVE = get(b"/v2/health/live", None)
READY = get(b"/v2/health/ready", None)


def test_a_gateway_about_to_end_is_not_ready_and_answers_all_the_same() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            assert (await client.ask(READY)).status == 200
            gateway.gate.is_ready, gateway.gate.is_draining = False, True
            answer = await client.ask(READY)
            assert_problem(answer, 503, "draining")
            assert answer.fields["connection"] == "close"
            answer = await gateway.ask(post(INFER, gateway.token))
            assert (answer.status, answer.fields["connection"]) == (200, "close")

    run(test)


def test_a_request_that_arrives_as_its_connection_is_to_be_closed_is_answered() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            with socket.create_connection(("127.0.0.1", gateway.server.port)) as client:
                await until(lambda: gateway.server.open_connections == 1)
                gateway.pass_time(5.0)
                client.sendall(LIVE)
                # Looks at the connection before the event loop does.
                await asyncio.wait_for(gateway.server.drain(30), PATIENCE_S)
                client.settimeout(PATIENCE_S)
                answer = client.recv(4096)
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert b"Connection: close\r\n" in answer

    run(test)


def test_a_client_that_was_busy_just_now_may_send_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            assert (await client.ask(LIVE)).status == 200
            (connection,) = gateway.server._connections
            looks = 0
            drain = ClientConnection.drain

            def counted(looked_at: ClientConnection) -> None:
                nonlocal looks
                looks += 1
                drain(looked_at)

            monkeypatch.setattr(ClientConnection, "drain", counted)
            gateway.pass_time(0.9)
            draining = asyncio.create_task(gateway.server.drain(30))
            await until(lambda: looks > 1)
            assert not connection._transport.is_closing()
            answer = await client.ask(LIVE)
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            await asyncio.wait_for(draining, PATIENCE_S)

    run(test)


@pytest.mark.parametrize("has_tls", [False, True], ids=["plain", "tls"])
def test_what_is_cut_off_is_logged_and_counted(tmp_path: Path, has_tls: bool) -> None:
    async def silent(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await triton.read_request(reader)
        await reader.read()

    async def test() -> None:
        triton = FakeTriton(behaviour=silent)
        authority = trustme.CA()
        tls = load_tls(write_pair(authority, tmp_path / "tls")).context if has_tls else None
        async with running(triton, tls=tls) as gateway:
            gateway.gate.access_log = AccessLog(str(tmp_path / "access.log"))
            for _ in range(3):
                client = await gateway.connect(client_context(authority) if has_tls else None)
                await client.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 3)
            await gateway.server.drain(0)
            logged = (tmp_path / "access.log").read_text().splitlines()
            assert len(logged) == 3 and all('"status":499' in line for line in logged)
            labels = {"model": "", "status": "499"}
            counted = gateway.registry.get_sample_value("conch_requests_total", labels)
            assert counted == 3
            gateway.gate.access_log = None

    run(test)
