"""Triton's part of an exchange: what it is sent, what it may say, and whose time runs meanwhile."""

import asyncio

import pytest

from gateway.data import model_lists
from gateway.data.body import HOLD_BYTES
from gateway.data.client_connection import ClientConnection
from gateway.data.exchange import Exchange
from gateway.data.forwarding import Forwarding
from gateway.data.upstream_connection import UpstreamConnection
from gateway.permissions import parse_grant
from tests.gateway.fake_triton import OK, FakeTriton
from tests.gateway.helpers import INFER, Gateway, assert_problem, get, post, run, running, until

STREAM = b"/v2/models/echo/generate_stream"
CHUNKED_ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"


def chunked_post(token: str) -> bytes:
    """The head of an inference whose body follows in chunks."""
    return post(INFER, token).partition(b"Content-Length")[0] + (
        b"Transfer-Encoding: chunked\r\n\r\n"
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def only_client(gateway: Gateway) -> ClientConnection:
    (connection,) = gateway.server._connections
    return connection


def only_upstream(gateway: Gateway) -> UpstreamConnection:
    (connection,) = gateway.pool._open
    return connection


def current(gateway: Gateway) -> Exchange:
    exchange = only_client(gateway)._current
    assert exchange is not None
    return exchange


async def until_forwarded(gateway: Gateway) -> Forwarding:
    """Wait until the only request has a connection to Triton."""

    def has_connection() -> bool:
        exchange = only_client(gateway)._current
        return (
            exchange is not None
            and exchange.forwarding is not None
            and exchange.forwarding._connection is not None
        )

    await until(has_connection)
    sent_on = current(gateway).forwarding
    assert sent_on is not None
    return sent_on


# What Triton is sent.


def test_nothing_of_a_body_is_sent_on_once_triton_has_begun_to_answer() -> None:
    async def test() -> None:
        may_end = asyncio.Event()
        rest = b""

        async def early(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            nonlocal rest
            await reader.readuntil(b"\r\n\r\n")
            writer.write(CHUNKED_ANSWER)
            await may_end.wait()
            writer.write(b"0\r\n\r\n")
            rest = await reader.read()

        triton = FakeTriton(behaviour=early)
        async with running(triton) as gateway:
            client = await gateway.connect()
            body = b"x" * 300_000
            request = post(INFER, gateway.token, body)
            await client.send(request[:-200_000])
            head = await client.read_head()
            await client.send(body[:150_000])
            await until(lambda: current(gateway).body.received_bytes == 250_000)
            may_end.set()
            assert (await client.rest_of_answer(head)).body == b"first"
            await until(lambda: triton.closed == 1)
        assert len(rest) <= 100_000

    run(test)


def test_a_request_that_was_sent_whole_gets_no_second_end() -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while True:
                await triton.read_request(reader)
                await may_answer.wait()
                writer.write(OK)

        triton = FakeTriton(behaviour=slow)
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(chunked_post(gateway.token) + chunk(b"{}") + b"0\r\n\r\n")
            await until(lambda: len(triton.asked) == 1)
            await client.send(post(INFER, gateway.token))
            await until(lambda: len(only_client(gateway)._queue) == 1)
            may_answer.set()
            assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert [asked.request_line for asked in triton.asked] == [b"POST %b HTTP/1.1" % INFER] * 2

    run(test)


def test_small_chunks_of_a_client_become_few_large_ones() -> None:
    async def test() -> None:
        sizes: list[int] = []

        async def measured(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            while size := int(await reader.readline(), 16):
                sizes.append(size)
                await reader.readexactly(size + 2)
            await reader.readline()
            writer.write(OK)

        async with running(FakeTriton(behaviour=measured)) as gateway:
            client = await gateway.connect()
            await client.send(chunked_post(gateway.token) + chunk(b"x" * 100_000))
            await until_forwarded(gateway)
            for number in range(1, 11):
                await client.send(chunk(b"x" * 1000))
                received_bytes = 100_000 + number * 1000
                await until(
                    lambda most=received_bytes: current(gateway).body.received_bytes == most
                )
            await client.send(b"0\r\n\r\n")
            assert (await client.answer()).status == 200
        assert sum(sizes) == 110_000
        assert min(sizes[:-1]) >= HOLD_BYTES

    run(test)


def test_a_get_is_asked_once_more_and_not_again() -> None:
    async def test() -> None:
        both = asyncio.Barrier(2)

        async def closes_when_asked_again(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            if triton.connections > 2:
                return
            await both.wait()
            writer.write(OK)
            await triton.read_request(reader)

        triton = FakeTriton(behaviour=closes_when_asked_again)
        async with running(triton) as gateway:
            request = get(b"/v2", gateway.token)
            replies = await asyncio.gather(*(gateway.ask(request) for _ in range(2)))
            assert [reply.status for reply in replies] == [200, 200]
            assert_problem(await gateway.ask(request), 502, "upstream_failed")
        assert len(triton.asked) == 4

    run(test)


# What Triton says.


def test_an_early_answer_to_a_body_that_is_still_coming_promises_no_further_request() -> None:
    async def test() -> None:
        async def early(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            await reader.read()

        async with running(FakeTriton(behaviour=early)) as gateway:
            client = await gateway.connect()
            # So little is missing that a refusal of the gateway's own would keep the connection.
            reply = await client.ask(post(INFER, gateway.token, b"x" * 100_000)[:-1000])
            assert (reply.status, reply.fields.get("connection")) == (200, "close")

    run(test)


def test_a_list_of_models_too_large_to_be_held_is_a_502_before_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_lists, "MAX_LIST_BYTES", 1000)

    async def test() -> None:
        begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b" " * 1001)
        async with running(FakeTriton(begun)) as gateway:
            token = gateway.add_key(grants=(parse_grant("*"),))
            reply = await gateway.ask(get(b"/v2/models/stats", token))
            problem = assert_problem(reply, 502, "upstream_failed")
            assert "over 1000 bytes" in str(problem["detail"])
            await until(lambda: gateway.pool.open_connections == 0)

    run(test)


def test_an_answer_of_another_status_is_no_error_within_a_200() -> None:
    async def test() -> None:
        error = b'{"error":"no such input"}'
        triton = FakeTriton(
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(error), error)
        )
        async with running(triton) as gateway:
            reply = await gateway.ask(post(b"/v2/models/echo/generate", gateway.token))
            assert (reply.status, reply.body) == (400, error)
            assert gateway.count("", 400) == 1
            assert gateway.stream_errors("echo") == 0

    run(test)


def test_a_stream_without_chunks_breaks_off_without_an_event() -> None:
    async def test() -> None:
        async def silent(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(CHUNKED_ANSWER)
            await reader.read()

        async with running(FakeTriton(behaviour=silent)) as gateway:
            client = await gateway.connect()
            await client.send(post(STREAM, gateway.token, version=b"1.0"))
            seen = b""
            while not seen.endswith(b"\r\n\r\nfirst"):
                seen += await client.read_some()
            gateway.pass_time(gateway.gate.times.upstream_s)
            assert await client.is_closed()

    run(test)


# Whose time runs.


def test_chunk_extensions_are_no_progress_of_an_answer() -> None:
    async def test() -> None:
        goes_on = asyncio.Event()

        async def talkative(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(CHUNKED_ANSWER)
            await goes_on.wait()
            writer.write(b"5;extension=")
            await reader.read()

        async with running(FakeTriton(behaviour=talkative)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            while b"first" not in await client.read_some():
                pass
            reading = only_upstream(gateway)._reader
            assert reading is not None
            before_bytes = reading.raw_bytes
            gateway.pass_time(gateway.gate.times.upstream_s - 1)
            goes_on.set()
            await until(lambda: reading.raw_bytes > before_bytes)
            gateway.pass_time(1)
            assert gateway.count("echo", 504) == 1

    run(test)


def test_a_body_that_triton_held_up_for_long_still_has_its_time() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            body = b"x" * (HOLD_BYTES + 5000)
            await client.send(post(INFER, gateway.token, body)[:-1000])
            sent_on = await until_forwarded(gateway)
            await until(lambda: current(gateway).body.received_bytes == len(body) - 1000)
            times = gateway.gate.times
            # As its connection calls it; loopback's buffers would take all of so small a body.
            sent_on.pause_sending()
            gateway.pass_time(times.upstream_s - 1)
            sent_on.resume_sending()
            gateway.pass_time(times.body_progress_s - 1)
            await client.send(body[-1000:])
            assert (await client.answer()).status == 200

    run(test)


def test_triton_has_its_time_anew_once_a_slow_reader_reads_on() -> None:
    async def test() -> None:
        may_end = asyncio.Event()

        async def in_two_parts(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(CHUNKED_ANSWER)
            await may_end.wait()
            writer.write(b"0\r\n\r\n")
            await reader.read()

        async with running(FakeTriton(behaviour=in_two_parts)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            head = await client.read_head()
            connection, upstream_s = only_client(gateway), gateway.gate.times.upstream_s
            # As the event loop calls it when the client reads too slowly.
            connection.pause_writing()
            gateway.pass_time(upstream_s - 1)
            connection.resume_writing()
            gateway.pass_time(upstream_s - 1)
            may_end.set()
            assert (await client.rest_of_answer(head)).body == b"first"

    run(test)
