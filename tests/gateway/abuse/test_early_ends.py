"""Clients that break off after any byte: nothing of them stays, and Triton sees whole requests."""

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial

import pytest

from gateway.data.exchange import CLIENT_LEFT
from tests.gateway.abuse.answers_reader import read_answers
from tests.gateway.abuse.case import INFER, KEY, infer
from tests.gateway.abuse.trial import seen_by
from tests.gateway.abuse.wire import new_wire
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import Gateway, RawClient, run, running, until

_INPUT = b'{"name":"X","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}'
_JSON = b'{"inputs":[%b]}' % _INPUT
_TENSOR = bytes(range(240, 256))
_BODY = _JSON + _TENSOR
_FIELDS = b"Inference-Header-Content-Length: %d\r\n" % len(_JSON)
_BINARY = infer(_FIELDS + b"Content-Length: %d\r\n" % len(_BODY), _BODY)
_CHUNKED = infer(
    _FIELDS + b"Transfer-Encoding: chunked\r\n",
    b"%x\r\n%b\r\n%x;a=b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(_JSON), _JSON, len(_TENSOR), _TENSOR),
)
_REQUESTS = pytest.mark.parametrize("request_bytes", [_BINARY, _CHUNKED], ids=["length", "chunked"])

Leave = Callable[[RawClient], None]


def has_opened(triton: FakeTriton, connections: int) -> bool:
    return triton.connections == connections


def _close(client: RawClient) -> None:
    client.writer.close()


def _reset(client: RawClient) -> None:
    own: socket.socket = client.writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def _leave_after(data: bytes, leave: Leave, gateway: Gateway) -> None:
    client = await gateway.connect()
    gateway.clients.remove(client)
    await client.send(data)
    leave(client)


@_REQUESTS
@pytest.mark.parametrize("leave", [_close, _reset], ids=["closed", "reset"])
def test_a_client_that_leaves_after_any_byte_leaves_nothing(
    request_bytes: bytes, leave: Leave
) -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            data = request_bytes.replace(KEY, gateway.token.encode())
            for end in range(len(data)):
                await _leave_after(data[:end], leave, gateway)
            await until(lambda: gateway.server.open_connections == 0)
            assert gateway.gate.metrics.in_flight == 0
            assert not triton.asked
            reply = await gateway.ask(data)
            assert reply.status == 200
        assert seen_by(triton) == [(INFER, _BODY)]

    run(test)


@_REQUESTS
def test_a_client_that_ends_its_side_after_any_byte_is_closed(request_bytes: bytes) -> None:
    """Whether it reads on cannot be told from whether it has left, and Triton would go on."""

    async def test() -> None:
        for end in range(len(request_bytes)):
            wire = await new_wire()
            await wire.send(request_bytes.replace(KEY, wire.token)[:end])
            wire.end()
            assert wire.is_closed
            assert not read_answers(wire.received)
            assert not wire.asked
            assert wire.gate.metrics.in_flight == 0

    run(test)


@_REQUESTS
def test_a_client_that_sends_no_more_after_any_byte_is_told_so(request_bytes: bytes) -> None:
    async def test() -> None:
        for end in range(1, len(request_bytes)):
            wire = await new_wire()
            await wire.send(request_bytes.replace(KEY, wire.token)[:end])
            wire.wait_for_the_end()
            assert [answer.status for answer in read_answers(wire.received)] == [408]
            assert not wire.asked
            assert wire.gate.metrics.in_flight == 0

    run(test)


def test_a_client_that_says_nothing_is_closed_without_an_answer() -> None:
    async def test() -> None:
        wire = await new_wire()
        wire.wait_for_the_end()
        assert wire.received == b""

    run(test)


async def _silent(
    triton: FakeTriton, reader: asyncio.StreamReader, _: asyncio.StreamWriter
) -> None:
    await triton.read_request(reader)
    assert await reader.read() == b""


@pytest.mark.parametrize("leave", [_close, _reset, lambda client: client.writer.write_eof()])
def test_an_inference_whose_client_leaves_is_cancelled(leave: Leave) -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=_silent)
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(_BINARY.replace(KEY, gateway.token.encode()))
            await until(lambda: len(triton.asked) == 1)
            leave(client)
            await until(lambda: triton.closed == 1)
            await until(lambda: gateway.server.open_connections == 0)
            assert gateway.gate.metrics.in_flight == 0
            assert gateway.count("", CLIENT_LEFT) == 1
            assert gateway.pool.open_connections == 0

    run(test)


@pytest.mark.parametrize("leave", [_close, _reset], ids=["closed", "reset"])
def test_a_streamed_body_that_breaks_off_ends_the_connection_to_triton(leave: Leave) -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            head = infer(b"Content-Length: 900000\r\n").replace(KEY, gateway.token.encode())
            for sent in (70_000, 200_000, 899_999):
                opened = triton.connections
                client = await gateway.connect()
                gateway.clients.remove(client)
                await client.send(head + b"x" * sent)
                await until(partial(has_opened, triton, opened + 1))
                leave(client)
                await until(lambda: triton.closed == triton.connections)
            await until(lambda: gateway.server.open_connections == 0)
            assert gateway.gate.metrics.in_flight == 0
            assert gateway.pool.open_connections == 0
        assert [asked.body for asked in triton.asked] == [b""] * 3

    run(test)


def test_what_was_answered_before_the_end_is_still_delivered() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.send(b"GET /nowhere HTTP/1.1\r\nHost: gateway\r\n\r\n")
            client.writer.write_eof()
            assert (await client.answer()).status == 404
            assert await client.is_closed()

    run(test)
