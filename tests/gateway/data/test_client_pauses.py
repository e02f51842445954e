"""A client's connection while its requests or its answers are held up: nothing is forgotten."""

import pytest

from gateway.data import client_connection, crowd
from gateway.data.body import HOLD_BYTES
from gateway.data.client_connection import ClientConnection
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import (
    INFER,
    Gateway,
    RawClient,
    assert_problem,
    get,
    post,
    run,
    running,
    until,
)

LIVE = get(b"/v2/health/live", None)


async def connect(gateway: Gateway) -> tuple[RawClient, ClientConnection]:
    """A client and the gateway's end of its connection."""
    client = await gateway.connect()
    await until(lambda: gateway.server.open_connections == 1)
    (connection,) = gateway.server._connections
    return client, connection


@pytest.mark.parametrize("missing_bytes", [0, 1000], ids=["whole", "still coming"])
def test_a_client_that_was_held_back_and_then_refused_is_read_on(missing_bytes: int) -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client, connection = await connect(gateway)
            gateway.keys.clear()
            body = b"x" * (HOLD_BYTES + 2000)
            request = post(INFER, gateway.token, body)
            # As read from its socket, in two pieces; the key is looked up afterwards.
            connection.data_received(request[:1000])
            connection.data_received(request[1000 : len(request) - missing_bytes])
            assert connection._is_paused
            assert_problem(await client.answer(), 401, "unauthenticated")
            await client.send(b"x" * missing_bytes)
            assert (await client.ask(LIVE)).status == 200

    run(test)


def test_a_request_is_not_begun_while_the_answer_before_it_is_not_taken() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client, connection = await connect(gateway)
            # As the event loop calls it.
            connection.pause_writing()
            connection.data_received(LIVE)
            assert gateway.gate.metrics.in_flight == 0 and connection._is_paused
            connection.resume_writing()
            assert (await client.answer()).status == 200

    run(test)


def test_the_body_of_a_request_that_had_to_wait_is_read_on() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client, connection = await connect(gateway)
            request = post(INFER, gateway.token, b"x" * 1000)
            connection.pause_writing()
            connection.data_received(request[:-500])
            connection.resume_writing()
            await client.send(request[-500:])
            assert (await client.answer()).status == 200

    run(test)


def test_a_head_that_was_begun_behind_a_request_must_come_in_time() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            assert (await client.ask(LIVE + b"GET /v2 HTTP")).status == 200
            gateway.pass_time(gateway.gate.times.head_s)
            assert_problem(await client.answer(), 408, "request_timeout")

    run(test)


def test_idle_connections_behind_busy_ones_are_found_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "SHARE_OF_ONE_ADDRESS", 10)
    monkeypatch.setattr(crowd, "LOOKED_AT_FOR_ROOM", 1)

    async def test() -> None:
        async with running(FakeTriton(), max_connections_of_clients=2) as gateway:
            busy, connection = await connect(gateway)
            await busy.send(b"GET /v2")
            await until(lambda: connection._has_begun)
            idle = await gateway.connect()
            await until(lambda: gateway.server.open_connections == 2)
            reply = await (await gateway.connect()).answer()
            assert_problem(reply, 503, "too_many_connections")
            await until(lambda: gateway.server.open_connections == 2)
            assert (await gateway.ask(LIVE)).status == 200
            assert await idle.is_closed()

    run(test)


def test_the_chunks_of_each_body_are_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_connection, "MAX_CHUNKS", 2)

    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            head = post(INFER, gateway.token).partition(b"Content-Length")[0]
            request = head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
            for _ in range(3):
                assert (await client.ask(request)).status == 200

    run(test)


def test_trailers_are_not_taken_for_fields_of_the_next_request() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            head = post(INFER, gateway.token).partition(b"Content-Length")[0]
            head += b"Transfer-Encoding: chunked\r\n"
            body = b"\r\n2\r\n{}\r\n0\r\n"
            field = b"Accept: a/b\r\n"
            assert (await client.ask(head + body + field + b"\r\n")).status == 200
            assert (await client.ask(head + field + body + b"\r\n")).status == 200
        assert [asked.fields.get(b"accept") for asked in triton.asked] == [None, b"a/b"]

    run(test)


def test_a_connection_is_read_on_for_a_while_after_a_request_was_refused_midway() -> None:
    async def test() -> None:
        async with running(FakeTriton(), max_body_bytes=1000) as gateway:
            client = await gateway.connect()
            request = post(INFER, gateway.token, b"x" * 200_000)
            assert_problem(await client.ask(request[:-200_000]), 413, "body_too_large")
            assert await client.is_closed()
            # To close now would destroy an answer that the client has not read yet.
            assert gateway.server.open_connections == 1
            gateway.pass_time(gateway.gate.times.linger_s)
            await until(lambda: gateway.server.open_connections == 0)

    run(test)
