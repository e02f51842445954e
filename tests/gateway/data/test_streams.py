"""Streams of events, compressed bodies, slow bodies, and the time that a request may take."""

import asyncio
import gzip
import json
import zlib

import pytest

from gateway.data.client_connection import ClientConnection
from gateway.data.pace import MIN_BYTES_PER_S
from tests.gateway.fake_triton import OK, FakeTriton
from tests.gateway.helpers import INFER, assert_problem, post, run, running, small_buffer, until

STREAM = b"/v2/models/echo/generate_stream"
EVENTS = b"Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
OK_STREAM = b"HTTP/1.1 200 OK\r\n" + EVENTS


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def is_blocked(connection: ClientConnection) -> bool:
    """Whether Triton takes no more of its request."""
    forwarding = connection._current and connection._current.forwarding
    return forwarding is not None and forwarding.is_blocked


def test_events_arrive_as_triton_writes_them() -> None:
    async def test() -> None:
        next_event = asyncio.Event()

        async def stream(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(OK_STREAM + chunk(b'data: {"n":0}\n\n'))
            await next_event.wait()
            writer.write(chunk(b'data: {"n":1}\n\n') + b"0\r\n\r\n")

        async with running(FakeTriton(behaviour=stream)) as gateway:
            client = await gateway.connect()
            await client.send(post(STREAM, gateway.token))
            head, _, first = (await client.read_some()).partition(b"\r\n\r\n")
            assert b"Cache-Control: no-store" in head and b"X-Accel-Buffering: no" in head
            assert first == chunk(b'data: {"n":0}\n\n')
            next_event.set()
            assert await client.read_some() == chunk(b'data: {"n":1}\n\n') + b"0\r\n\r\n"
            assert gateway.count("echo", 200) == 1
            assert gateway.stream_errors("echo") == 0

    run(test)


@pytest.mark.parametrize("verb", [b"generate", b"generate_stream"])
def test_an_error_in_an_answer_of_status_200_is_counted(verb: bytes) -> None:
    async def test() -> None:
        error = b'{"error":"broken"}'
        body = error if verb == b"generate" else b'data: {"n":0}\n\ndata: %b\n\n' % error
        triton = FakeTriton(OK_STREAM + chunk(body) + b"0\r\n\r\n")
        async with running(triton) as gateway:
            reply = await gateway.ask(post(b"/v2/models/echo/" + verb, gateway.token))
            assert (reply.status, reply.body) == (200, body)
            assert gateway.count("echo", 200) == 1
            assert gateway.stream_errors("echo") == 1

    run(test)


def test_a_stream_that_breaks_off_ends_with_an_error_event_and_without_its_last_chunk() -> None:
    async def test() -> None:
        async def silent(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(OK_STREAM + chunk(b'data: {"n":0}\n\n'))
            await reader.read()

        async with running(FakeTriton(behaviour=silent)) as gateway:
            client = await gateway.connect()
            await client.send(post(STREAM, gateway.token))
            await client.read_some()
            gateway.pass_time(gateway.gate.times.upstream_s)
            size, _, event = (await client.read_some()).partition(b"\r\n")
            assert event.startswith(b'data: {"type"') and event.endswith(b"}\n\n\r\n")
            assert int(size, 16) == len(event) - 2
            assert json.loads(event[6:])["code"] == "upstream_timeout"
            assert await client.is_closed()
            await until(lambda: gateway.pool.open_connections == 0)

    run(test)


@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_a_compressed_body_passes_untouched(coding: bytes, size: int) -> None:
    async def test() -> None:
        compress = gzip.compress if coding == b"gzip" else zlib.compress
        # Hardly compressible, so that it is streamed when it is large.
        body = compress(bytes((number * number) % 251 for number in range(size)), 0)
        triton = FakeTriton()
        async with running(triton) as gateway:
            field = b"Content-Encoding: %b\r\n" % coding
            assert (await gateway.ask(post(INFER, gateway.token, body, field))).status == 200
        assert triton.asked[0].body == body
        assert triton.asked[0].fields[b"content-encoding"] == coding

    run(test)


def test_a_body_that_inflates_to_much_takes_its_turns_and_passes() -> None:
    async def test() -> None:
        body = zlib.compress(bytes(40_000_000))
        triton = FakeTriton()
        async with running(triton, max_body_bytes=40_000_000) as gateway:
            field = b"Content-Encoding: deflate\r\n"
            assert (await gateway.ask(post(INFER, gateway.token, body, field))).status == 200
        assert triton.asked[0].body == body

    run(test)


def test_a_body_that_inflates_to_too_much_is_refused_and_never_seen_by_triton() -> None:
    async def test() -> None:
        body = zlib.compress(bytes(10_000_000))
        triton = FakeTriton()
        async with running(triton, max_body_bytes=1_000_000) as gateway:
            client = await gateway.connect()
            request = post(INFER, gateway.token, body, b"Content-Encoding: deflate\r\n")
            reply = await client.ask(request)
            assert "decompressed" in str(assert_problem(reply, 413, "body_too_large")["detail"])
            assert (await client.ask(post(INFER, gateway.token))).status == 200
        assert [asked.body for asked in triton.asked] == [b"{}"]

    run(test)


def test_json_within_a_compressed_body_is_looked_at() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            body = gzip.compress(b"[" * 100_000)
            reply = await gateway.ask(
                post(INFER, gateway.token, body, b"Content-Encoding: gzip\r\n")
            )
            assert_problem(reply, 400, "malformed_request")
        assert not triton.asked

    run(test)


def test_a_body_that_trickles_is_refused_though_it_never_stops() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token, b"x" * 50_000)[:-50_000])
            times, sent = gateway.gate.times, 0
            while sent < 10:
                await client.send(b"x")
                sent += 1
                await until(
                    lambda sent=sent: all(
                        c._current is not None and c._current.body.received_bytes == sent
                        for c in gateway.server._connections
                    )
                )
                gateway.pass_time(times.body_progress_s / 5)
                if not gateway.server._connections or gateway.count("", 408):
                    break
            assert_problem(await client.answer(), 408, "request_timeout")
        assert sent < 10

    run(test)


def test_a_body_of_fair_speed_has_all_the_time_it_needs() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            size = 12 * 5 * MIN_BYTES_PER_S
            await client.send(post(INFER, gateway.token, b"x" * size)[:-size])
            for number in range(1, 12):
                await client.send(b"x" * (5 * MIN_BYTES_PER_S))
                await until(
                    lambda number=number: all(
                        c._current is not None
                        and c._current.body.received_bytes == number * 5 * MIN_BYTES_PER_S
                        for c in gateway.server._connections
                    )
                )
                gateway.pass_time(5)
            await client.send(b"x" * (5 * MIN_BYTES_PER_S))
            assert (await client.answer()).status == 200

    run(test)


def test_the_time_in_which_triton_takes_nothing_is_not_the_clients() -> None:
    async def test() -> None:
        may_read = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            small_buffer(writer.transport)
            await may_read.wait()
            await triton.read_request(reader)
            writer.write(OK)

        triton = FakeTriton(behaviour=slow)
        size = 20_000_000
        async with running(triton, max_body_bytes=size) as gateway:
            client = await gateway.connect()
            sending = asyncio.create_task(client.send(post(INFER, gateway.token, b"x" * size)))
            await until(lambda: any(is_blocked(c) for c in gateway.server._connections))
            # More than a client has for silence, less than Triton has.
            gateway.pass_time(gateway.gate.times.upstream_s - 1)
            may_read.set()
            assert (await client.answer()).status == 200
            await sending

    run(test)


def test_a_triton_that_takes_nothing_of_a_body_is_a_504() -> None:
    async def test() -> None:
        async def stuck(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await asyncio.Event().wait()

        size = 20_000_000
        async with running(FakeTriton(behaviour=stuck), max_body_bytes=size) as gateway:
            client = await gateway.connect()
            sending = asyncio.create_task(client.send(post(INFER, gateway.token, b"x" * size)))
            await until(lambda: any(is_blocked(c) for c in gateway.server._connections))
            gateway.pass_time(gateway.gate.times.upstream_s)
            problem = assert_problem(await client.answer(), 504, "upstream_timeout")
            assert "took nothing of the body" in str(problem["detail"])
            sending.cancel()

    run(test)


def test_no_request_takes_longer_than_its_time_in_all() -> None:
    async def test() -> None:
        beat = asyncio.Event()

        async def endless(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(OK_STREAM)
            while True:
                await beat.wait()
                beat.clear()
                writer.write(chunk(b'data: {"n":0}\n\n'))

        async with running(FakeTriton(behaviour=endless)) as gateway:
            client = await gateway.connect()
            await client.send(post(STREAM, gateway.token))
            times, seen = gateway.gate.times, b""
            for _ in range(int(times.request_s / 30)):
                beat.set()
                seen += await client.read_some()
                gateway.pass_time(30)
            seen += await client.read_some()
            assert b"The request took over 600 s in all" in seen
            assert await client.is_closed()

    run(test)
