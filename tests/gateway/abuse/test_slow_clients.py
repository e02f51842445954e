"""Clients that dribble or do not read: each has its time, and costs bounded memory."""

import asyncio
import socket
from typing import cast

import pytest

from tests.gateway.abuse.answers_reader import read_answers
from tests.gateway.abuse.case import INFER, KEY, infer, live
from tests.gateway.abuse.wire import Wire, new_wire
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import PATIENCE_S, post, run, running, small_buffer, until

_REQUEST = infer(b"Content-Length: 20\r\n", b"x" * 20)


def _statuses(wire: Wire) -> list[int]:
    return [answer.status for answer in read_answers(wire.received)]


async def _dribble(wire: Wire, data: bytes, pause_s: float) -> int:
    """Send byte by byte until the gateway has enough of it; how many it took."""
    for sent, byte in enumerate(data.replace(KEY, wire.token)):
        if wire.is_closed:
            return sent
        await wire.send(bytes([byte]))
        wire.pass_time(pause_s)
    return len(data)


def test_a_head_that_dribbles_is_refused_after_its_time() -> None:
    async def test() -> None:
        wire = await new_wire()
        sent = await _dribble(wire, live(b"X: " + b"a" * 1000), 0.5)
        assert sent == wire.gate.times.head_s / 0.5
        assert _statuses(wire) == [408]
        wire.wait_for_the_end()

    run(test)


def test_a_head_that_dribbles_after_an_answer_has_no_more_time() -> None:
    async def test() -> None:
        wire = await new_wire()
        await wire.send(live() + b"GET ")
        assert await _dribble(wire, b"/" * 1000, 0.5) <= wire.gate.times.head_s / 0.5
        assert _statuses(wire) == [200, 408]

    run(test)


def test_empty_lines_do_not_keep_a_connection() -> None:
    async def test() -> None:
        wire = await new_wire()
        assert await _dribble(wire, b"\r\n" * 500, 1.0) < 100

    run(test)


def test_a_body_that_dribbles_a_little_is_waited_for() -> None:
    async def test() -> None:
        wire = await new_wire()
        head, body = _REQUEST[:-20], _REQUEST[-20:]
        await wire.send(head.replace(KEY, wire.token))
        await _dribble(wire, body, 1.0)
        assert _statuses(wire) == [200]
        assert [asked.body for asked in wire.asked] == [body]

    run(test)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_a_body_that_dribbles_for_long_is_refused(is_chunked: bool) -> None:
    async def test() -> None:
        wire = await new_wire()
        framing = b"Transfer-Encoding: chunked\r\n" if is_chunked else b"Content-Length: 9000\r\n"
        await wire.send(infer(framing).replace(KEY, wire.token))
        body = b"1\r\nx\r\n" * 1500 if is_chunked else b"x" * 9000
        assert await _dribble(wire, body, 1.0) < 100
        assert _statuses(wire) == [408]
        assert not wire.asked
        wire.wait_for_the_end()

    run(test)


def test_the_rest_of_a_refused_body_has_its_time_too() -> None:
    async def test() -> None:
        wire = await new_wire()
        refused = _REQUEST.replace(KEY, b"ck_no").replace(b"20\r\n", b"9000\r\n")
        await wire.send(refused)
        assert _statuses(wire) == [401]
        assert await _dribble(wire, b"x" * 8900, 1.0) <= wire.gate.times.body_progress_s
        assert wire.is_closed
        assert _statuses(wire) == [401]

    run(test)


async def _flood(
    triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answers without end, as fast as they are taken."""
    await triton.read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 10**12)
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


def test_a_client_that_never_reads_holds_little_and_is_let_go_in_the_end() -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=_flood)
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER[5:], gateway.token))
            await until(lambda: any(not c._is_writable for c in gateway.server._connections))
            (connection,) = gateway.server._connections
            assert connection._transport.get_write_buffer_size() < 1_000_000
            gateway.pass_time(gateway.gate.times.upstream_s)
            await until(lambda: gateway.server.open_connections == 0)
            await until(lambda: triton.closed == 1)
            assert gateway.gate.metrics.in_flight == 0

    run(test)


def test_a_client_that_reads_no_refusals_is_held_up_and_let_go() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await until(lambda: gateway.server.open_connections == 1)
            (connection,) = gateway.server._connections
            small_buffer(connection._transport)
            own = client.writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            cast(asyncio.Transport, client.writer.transport).pause_reading()
            refused = b"GET /nowhere HTTP/1.1\r\nHost: gateway\r\n\r\n" * 30
            async with asyncio.timeout(PATIENCE_S):
                while connection._is_writable:
                    answered = gateway.count("", 404)
                    client.writer.write(refused)
                    # Else they would come in one piece, and be too many.
                    while gateway.count("", 404) < answered + 30 and connection._is_writable:
                        await asyncio.sleep(0)
            assert connection._transport.get_write_buffer_size() < 200_000
            gateway.pass_time(gateway.gate.times.idle_s)
            await until(lambda: gateway.server.open_connections == 0)

    run(test)
