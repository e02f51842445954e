"""HTTP/1.1 towards clients: framing, order, limits, deadlines."""

import asyncio

import pytest

from gateway.data import client_connection, crowd
from gateway.data.client_connection import MAX_CHUNKS, MAX_FRAMING_BYTES, MAX_PIPELINED
from gateway.data.head import MAX_HEAD_BYTES, MAX_TARGET_BYTES, HeadReader
from gateway.keys import Key
from tests.gateway.compiled import needs_sources
from tests.gateway.fake_triton import OK, OK_BODY, Asked, FakeTriton
from tests.gateway.helpers import (
    INFER,
    PATIENCE_S,
    Gateway,
    RawClient,
    assert_problem,
    get,
    post,
    run,
    running,
    small_buffer,
    until,
)

LIVE = get(b"/v2/health/live", None)


def _smuggle(fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST /v2/models/echo/infer HTTP/%b\r\nHost: x\r\n%b\r\n%b" % (version, fields, body)


CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLING = {
    "length and coding": _smuggle(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n"),
    "coding and length": _smuggle(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    "two equal lengths": _smuggle(b"Content-Length: 1\r\nContent-Length: 1\r\n", b"x"),
    "two lengths": _smuggle(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"xx"),
    "list of lengths": _smuggle(b"Content-Length: 1, 1\r\n", b"x"),
    "signed length": _smuggle(b"Content-Length: +1\r\n", b"x"),
    "negative length": _smuggle(b"Content-Length: -1\r\n", b"x"),
    "underscored length": _smuggle(b"Content-Length: 1_0\r\n", b"x"),
    "hexadecimal length": _smuggle(b"Content-Length: 0x1\r\n", b"x"),
    "empty length": _smuggle(b"Content-Length: \r\n", b"x"),
    "gzip, chunked": _smuggle(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked, gzip": _smuggle(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"),
    "identity": _smuggle(b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"),
    "xchunked": _smuggle(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "vertical tab chunked": _smuggle(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "chunked twice": _smuggle(CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "HTTP/1.0 chunked": _smuggle(CHUNKED, b"0\r\n\r\n", b"1.0"),
    "folded field": _smuggle(b"X-A: b\r\n c: d\r\n"),
    "folded coding": _smuggle(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
    "space before colon": _smuggle(b"Content-Length : 1\r\n", b"x"),
    "bare LF": b"GET /v2/health/live HTTP/1.1\nHost: x\n\n",
    "bare LF in fields": _smuggle(b"X-A: b\nContent-Length: 1\r\n", b"x"),
    "bare CR": _smuggle(b"X-A: b\rContent-Length: 1\r\n", b"x"),
    "NUL": _smuggle(b"X-A: \0\r\n"),
    "no field name": _smuggle(b": x\r\n"),
    "no colon": _smuggle(b"X-A\r\n"),
    "chunk size with sign": _smuggle(CHUNKED, b"+1\r\nx\r\n0\r\n\r\n"),
    "chunk size 0x1": _smuggle(CHUNKED, b"0x1\r\nx\r\n0\r\n\r\n"),
    "chunk size overflow": _smuggle(CHUNKED, b"f" * 18 + b"\r\nx\r\n0\r\n\r\n"),
    "chunk ended by LF": _smuggle(CHUNKED, b"1\nx\r\n0\r\n\r\n"),
    "length in trailer": _smuggle(CHUNKED, b"0\r\nContent-Length: 1\r\n\r\n"),
    "no host": b"GET /v2/health/live HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "HTTP/2.0": b"GET /v2/health/live HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "RTSP": b"GET /v2/health/live RTSP/1.0\r\n\r\n",
    "fragment": b"GET /v2/health/live?a#x HTTP/1.1\r\nHost: x\r\n\r\n",
    "body of a GET": b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("request_bytes", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_a_request_that_two_parsers_could_read_differently_is_refused_and_closed(
    request_bytes: bytes,
) -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            key = b"Host: x\r\nX-API-Key: %b\r\n" % gateway.token.encode()
            client = await gateway.connect()
            await client.send(request_bytes.replace(b"Host: x\r\n", key) + LIVE)
            reply = await client.answer()
            assert_problem(reply, 400, "malformed_request")
            assert reply.fields["connection"] == "close"
            assert await client.is_closed()
        assert not triton.asked

    run(test)


def test_what_came_whole_before_a_broken_request_is_answered_first() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(LIVE + b"junk\r\n\r\n")
            assert (await client.answer()).status == 200
            assert_problem(await client.answer(), 400, "malformed_request")
            assert await client.is_closed()
        assert len(triton.asked) == 1

    run(test)


def test_a_chunked_body_that_breaks_while_it_is_streamed_ends_both_connections() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            head = post(INFER, gateway.token).partition(b"Content-Length")[0] + CHUNKED + b"\r\n"
            await client.send(head + b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
            await until(lambda: triton.connections == 1)
            await client.send(b"zz\r\n")
            assert_problem(await client.answer(), 400, "malformed_request")
            assert await client.is_closed()
            await until(lambda: triton.closed == 1)

    run(test)


def test_a_request_may_come_byte_by_byte() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            for byte in post(INFER, gateway.token, b"abc") + LIVE:
                client.writer.write(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.answer()).body == OK_BODY
            assert (await client.answer()).status == 200
        assert triton.asked[0].body == b"abc"

    run(test)


def test_pipelined_requests_are_answered_in_order_and_asked_one_at_a_time() -> None:
    async def test() -> None:
        triton = FakeTriton(
            lambda a: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(a.body), a.body)
        )
        async with running(triton) as gateway:
            client = await gateway.connect()
            bodies = [b"%d" % number for number in range(20)]
            await client.send(b"".join(post(INFER, gateway.token, body) for body in bodies))
            assert [(await client.answer()).body for _ in bodies] == bodies
        assert triton.connections == 1

    run(test)


def test_too_many_pipelined_requests_end_the_connection_after_the_first_ones() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.send(LIVE * (MAX_PIPELINED + 5))
            statuses = [(await client.answer()).status for _ in range(MAX_PIPELINED + 1)]
            assert statuses == [200] * MAX_PIPELINED + [400]
            assert await client.is_closed()

    run(test)


def test_a_refused_request_leaves_its_connection_usable() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            for _ in range(3):
                assert (await client.ask(post(INFER, None, b"x" * 500))).status == 401
            assert (await client.ask(post(INFER, gateway.token))).status == 200

    run(test)


def test_the_rest_of_a_refused_small_body_is_dropped() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            request = post(INFER, None, b"GET / HTTP/1.1\r\n\r\n")
            assert (await client.ask(request[:-10])).status == 401
            await client.send(request[-10:])
            assert (await client.ask(post(INFER, gateway.token))).status == 200

    run(test)


def test_close_is_honoured_and_http_1_0_always_closed() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            for request in (
                get(b"/v2/health/live", None, b"Connection: close\r\n"),
                b"GET /v2/health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            ):
                client = await gateway.connect()
                reply = await client.ask(request)
                assert (reply.status, reply.fields["connection"]) == (200, "close")
                assert await client.is_closed()

    run(test)


@pytest.mark.parametrize("ends", [True, False], ids=["ended", "endless"])
@pytest.mark.parametrize(
    ("start", "status", "code"),
    [
        (b"GET /" + b"a" * (MAX_TARGET_BYTES + MAX_HEAD_BYTES), 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES, 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * MAX_HEAD_BYTES, 431, "headers_too_large"),
    ],
)
def test_a_head_too_large_is_refused(start: bytes, status: int, code: str, ends: bool) -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            is_line = b"HTTP" not in start
            end = (b" HTTP/1.1" if is_line else b"") + b"\r\nHost: x\r\n\r\n"
            await client.send(start + (end if ends else b""))
            assert_problem(await client.answer(), status, code)

    run(test)


def test_trailers_and_chunk_extensions_without_end_are_refused() -> None:
    async def test() -> None:
        for start in (b"0\r\nX: ", b"1;"):
            async with running(FakeTriton()) as gateway:
                client = await gateway.connect()
                head = post(INFER, gateway.token).partition(b"Content-Length")[0]
                await client.send(head + CHUNKED + b"\r\n" + start)
                await client.send(b"a" * (MAX_FRAMING_BYTES + 1))
                assert_problem(await client.answer(), 400, "malformed_request")

    run(test)


def test_one_byte_chunks_are_no_abuse() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            head = post(INFER, gateway.token).partition(b"Content-Length")[0]
            # The last chunk counts as well.
            size = MAX_CHUNKS - 1
            body = b"1\r\nx\r\n" * size + b"0\r\n\r\n"
            assert (await gateway.ask(head + CHUNKED + b"\r\n" + body)).status == 200
            body = b"1\r\nx\r\n" + body
            reply = await gateway.ask(head + CHUNKED + b"\r\n" + body)
            assert_problem(reply, 400, "malformed_request")
        assert triton.asked[0].body == b"x" * size

    run(test)


def test_an_upgrade_is_ignored() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            fields = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"
            request = get(b"/v2", gateway.token, fields)
            await client.send(request + request)
            for _ in range(2):
                assert (await client.answer()).status == 200
            assert (await client.ask(request)).status == 200
            reply = await client.ask(post(INFER, gateway.token, b"{}", fields))
            assert "leave Upgrade out" in str(assert_problem(reply, 400, "malformed_request"))
        assert len(triton.asked) == 3
        assert b"upgrade" not in triton.asked[0].head.lower()

    run(test)


def test_a_new_connection_takes_the_place_of_an_idle_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "SHARE_OF_ONE_ADDRESS", 10)

    async def test() -> None:
        async with running(FakeTriton(), max_connections_of_clients=3) as gateway:
            idle = [await gateway.connect() for _ in range(3)]
            for client in idle:
                assert (await client.ask(get(b"/v2", gateway.token))).status == 200
            assert (await gateway.ask(get(b"/v2", gateway.token))).status == 200
            assert await idle[0].is_closed()
            assert (await idle[2].ask(get(b"/v2", gateway.token))).status == 200

    run(test)


def test_a_connection_whose_answer_is_not_taken_up_is_not_idle() -> None:
    async def test() -> None:
        size = 30_000_000
        triton = FakeTriton(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        async with running(triton) as gateway:
            client = await gateway.connect()
            (connection,) = gateway.server._connections
            assert connection.is_idle
            await client.send(post(INFER, gateway.token))
            await until(lambda: connection._transport.get_write_buffer_size() > 0)
            assert not connection.is_idle
            assert len((await client.answer()).body) == size
            await until(lambda: connection.is_idle)
            await client.send(b"GET")
            await until(lambda: connection._has_begun)
            assert not connection.is_idle

    run(test)


def test_a_connection_that_is_turned_away_is_closed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "SHARE_OF_ONE_ADDRESS", 10)

    async def test() -> None:
        async with running(FakeTriton(), max_connections_of_clients=1) as gateway:
            busy = await gateway.connect()
            await busy.send(b"GET /v2")
            await until(lambda: all(c._has_begun for c in gateway.server._connections))
            for _ in range(20):
                refused = await gateway.connect()
                assert_problem(await refused.answer(), 503, "too_many_connections")
                assert await refused.is_closed()
            assert gateway.server.open_connections == 1

    run(test)


def test_one_address_leaves_connections_for_others() -> None:
    async def test() -> None:
        async with running(FakeTriton(), max_connections_of_clients=8) as gateway:
            clients = [await gateway.connect() for _ in range(6)]
            for client in clients:
                await client.send(b"GET /v2")
            await until(lambda: gateway.server.open_connections == 6)
            refused = await gateway.connect()
            problem = assert_problem(await refused.answer(), 503, "too_many_connections")
            assert "of this address" in str(problem["detail"])
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", gateway.server.port, local_addr=("127.0.0.2", 0)
            )
            other = RawClient(reader, writer)
            assert (await other.ask(LIVE)).status == 200
            other.close()
            clients.pop().close()
            await until(lambda: gateway.server.open_connections == 5)
            assert (await gateway.ask(LIVE)).status == 200
            for client in clients:
                client.close()
            await until(lambda: not gateway.server.open_connections)
            assert not gateway.gate.addresses

    run(test)


def test_who_showed_no_key_is_not_waited_for() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            head = post(INFER, None, b"x" * 1000)[:-1000]
            assert_problem(await client.ask(head), 401, "unauthenticated")
            gateway.pass_time(gateway.gate.times.linger_s)
            assert await client.is_closed()

    run(test)


def test_the_rest_of_a_refused_body_is_taken_though_it_was_held_back() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            asked = asyncio.Event()
            find = gateway.gate.authenticator._find_key

            async def slow(key_id: str) -> Key | None:
                await asked.wait()
                return await find(key_id)

            gateway.gate.authenticator._find_key = slow
            body = b"x" * 130_000
            sending = asyncio.create_task(client.send(post(b"/v2/logging", gateway.token, body)))
            await until(lambda: any(c._is_paused for c in gateway.server._connections))
            asked.set()
            assert_problem(await client.answer(), 413, "body_too_large")
            await sending
            assert (await client.ask(LIVE)).status == 200

    run(test)


def test_a_client_that_leaves_while_its_refused_body_is_dropped_is_settled_once() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            assert_problem(
                await client.ask(post(b"/v9", gateway.token, b"12345")[:-5]), 404, "route_not_found"
            )
            client.close()
            await until(lambda: not gateway.server.open_connections)
            assert gateway.gate.metrics.in_flight == 0
            assert (gateway.count("", 404), gateway.count("", 499)) == (1, 0)

    run(test)


def test_a_client_that_leaves_while_its_key_is_looked_up_is_not_forwarded() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            may_answer, asked = asyncio.Event(), asyncio.Event()
            find = gateway.gate.authenticator._find_key

            async def slow(key_id: str) -> Key | None:
                asked.set()
                await may_answer.wait()
                return await find(key_id)

            gateway.gate.authenticator._find_key = slow
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await asked.wait()
            client.close()
            await until(lambda: not gateway.server.open_connections)
            may_answer.set()
            assert (await gateway.ask(LIVE)).status == 200
            assert [asked.request_line for asked in triton.asked] == [
                b"GET /v2/health/live HTTP/1.1"
            ]
            assert gateway.gate.metrics.in_flight == 0
            assert gateway.count("", 499) == 1

    run(test)


def test_the_time_of_a_look_up_is_not_the_bodys() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            may_answer, asked = asyncio.Event(), asyncio.Event()
            find = gateway.gate.authenticator._find_key

            async def slow(key_id: str) -> Key | None:
                asked.set()
                await may_answer.wait()
                return await find(key_id)

            gateway.gate.authenticator._find_key = slow
            client = await gateway.connect()
            request = post(INFER, gateway.token, b"x" * 10)
            await client.send(request[:-10])
            await asked.wait()
            gateway.pass_time(gateway.gate.times.body_progress_s + 1)
            may_answer.set()
            await until(
                lambda: all(
                    c._current is not None and c._current.principal is not None
                    for c in gateway.server._connections
                )
            )
            gateway.pass_time(gateway.gate.times.body_progress_s - 1)
            await client.send(request[-10:])
            assert (await client.answer()).status == 200

    run(test)


def test_an_idle_connection_holds_nothing_of_what_it_was_sent() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.ask(post(INFER, gateway.token, b"x" * 200_000))
            (connection,) = gateway.server._connections
            assert connection._piece == b"" and not connection._head_start
            assert not connection._queue and connection._current is None

    run(test)


def test_a_request_that_was_refused_is_not_refused_again_when_its_time_is_over() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            head = post(b"/v9", gateway.token, b"12345")[:-5]
            assert_problem(await client.ask(head), 404, "route_not_found")
            gateway.pass_time(gateway.gate.times.request_s + 1)
            assert await client.is_closed()
            assert gateway.count("", 404) == 1
            assert gateway.gate.metrics.in_flight == 0

    run(test)


def test_with_no_connection_idle_a_new_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "SHARE_OF_ONE_ADDRESS", 10)

    async def test() -> None:
        async with running(FakeTriton(), max_connections_of_clients=2) as gateway:
            busy = [await gateway.connect() for _ in range(2)]
            for client in busy:
                await client.send(b"GET /v2")
            await until(lambda: all(c._has_begun for c in gateway.server._connections))
            refused = await gateway.connect()
            assert_problem(await refused.answer(), 503, "too_many_connections")
            assert await refused.is_closed()

    run(test)


async def _idle_head(gateway: Gateway, data: bytes) -> None:
    client = await gateway.connect()
    await client.send(data)
    await until(lambda: any(c._raw_bytes for c in gateway.server._connections))
    gateway.pass_time(gateway.gate.times.head_s)
    assert_problem(await client.answer(), 408, "request_timeout")
    assert await client.is_closed()


def test_a_head_must_come_in_time() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            await _idle_head(gateway, b"GET /v2 HTTP/1.1\r\nHost:")

    run(test)


def test_a_body_must_make_progress() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token, b"abc")[:-1])
            await until(lambda: gateway.gate.metrics.in_flight == 1 and bool(gateway.lookups))
            await asyncio.sleep(0)
            gateway.pass_time(gateway.gate.times.body_progress_s + 31)
            assert_problem(await client.answer(), 408, "request_timeout")
            assert await client.is_closed()

    run(test)


def test_an_idle_connection_is_closed_in_the_end() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.ask(LIVE)
            gateway.pass_time(gateway.gate.times.idle_s - 1)
            assert (await client.ask(LIVE)).status == 200
            gateway.pass_time(gateway.gate.times.idle_s)
            assert await client.is_closed()

    run(test)


def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    async def test() -> None:
        async with running(FakeTriton(), max_body_bytes=100_000) as gateway:
            client = await gateway.connect()
            body = b"x" * 5_000_000
            client.writer.write(post(INFER, gateway.token, body))
            reply = await client.answer()
            assert_problem(reply, 413, "body_too_large")

    run(test)


def test_a_reader_too_slow_costs_bounded_memory_and_gets_everything() -> None:
    async def test() -> None:
        size = 64 * 1024 * 1024
        written = 0

        async def huge(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            nonlocal written
            await triton.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // 65536):
                writer.write(b"x" * 65536)
                await writer.drain()
                written += 65536
            # Ending now would drop what is still in its buffer.
            await reader.read()

        async with running(FakeTriton(behaviour=huge)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await until(lambda: any(not c._is_writable for c in gateway.server._connections))
            buffered = [c._transport.get_write_buffer_size() for c in gateway.server._connections]
            assert max(buffered) < 1_000_000
            # The rest is in kernel buffers, not here; the sender is held up.
            assert written < size
            assert len((await client.answer()).body) == size

    run(test)


def test_a_writer_too_fast_for_triton_is_held_up() -> None:
    async def test() -> None:
        may_read = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await may_read.wait()
            await triton.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        size = 48 * 1024 * 1024
        triton = FakeTriton(behaviour=slow)
        async with running(triton, max_body_bytes=size) as gateway:
            client = await gateway.connect()
            sending = asyncio.create_task(client.send(post(INFER, gateway.token, b"x" * size)))
            pool = gateway.pool
            await until(lambda: any(u._transport.get_write_buffer_size() for u in pool._open))
            await until(lambda: any(c._is_paused for c in gateway.server._connections))
            (upstream,) = pool._open
            assert upstream._transport.get_write_buffer_size() < 1_000_000
            may_read.set()
            assert (await client.answer()).status == 200
            await sending
        assert len(triton.asked[0].body) == size

    run(test)


def test_draining_answers_what_is_in_flight_and_refuses_new_connections() -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await may_answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await reader.read()

        triton = FakeTriton(behaviour=slow)
        async with running(triton) as gateway:
            idle, busy = await gateway.connect(), await gateway.connect()
            await until(lambda: gateway.server.open_connections == 2)
            port = gateway.server.port
            await busy.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            draining = asyncio.create_task(gateway.server.drain(30))
            await until(lambda: gateway.gate.is_draining)
            gateway.pass_time(1.0)
            assert await idle.is_closed()
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", port)
            may_answer.set()
            reply = await busy.answer()
            assert (reply.status, reply.fields["connection"]) == (200, "close")
            await draining
            assert gateway.server.open_connections == 0

    run(test)


def test_nothing_is_left_of_six_thousand_requests() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            for _ in range(200):
                await client.send(LIVE * 25 + post(INFER, gateway.token) * 5)
                for _ in range(30):
                    assert (await client.answer()).status == 200
            client.close()
            await until(lambda: gateway.server.open_connections == 0)
            assert gateway.gate.metrics.in_flight == 0
            assert gateway.pool.open_connections == 1

    run(test)


def test_the_answer_of_one_request_is_never_given_to_another() -> None:
    async def test() -> None:
        def answer(asked: Asked) -> bytes:
            body = asked.fields[b"x-request-id"]
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

        async with running(FakeTriton(answer), max_connections=3) as gateway:

            async def ask_many(name: int) -> None:
                client = await gateway.connect()
                for number in range(50):
                    own = f"{name}-{number}"
                    fields = b"X-Request-Id: %b\r\n" % own.encode()
                    reply = await client.ask(post(INFER, gateway.token, b"{}", fields))
                    assert reply.body.decode() == own == reply.fields["x-request-id"]

            await asyncio.gather(*(ask_many(name) for name in range(10)))

    run(test)


@needs_sources
def test_a_fault_of_the_gateway_is_a_500_that_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    async def test() -> None:
        monkeypatch.setattr(HeadReader, "read", broken)
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            reply = await client.ask(LIVE)
            assert_problem(reply, 500, "internal_error")
            assert b"secret" not in reply.body
            assert await client.is_closed()

    run(test)
    assert "secret" in capsys.readouterr().out


class FakeTransport(asyncio.Transport):
    """A socket whose peer reads as slowly as the test says: loopback's buffers hide a slow one."""

    def __init__(self) -> None:
        super().__init__()
        self.unread_bytes = 0
        self.is_aborted = False

    def write(self, data: object) -> None: ...
    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...
    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def abort(self) -> None:
        self.is_aborted = True


def test_a_slow_reader_of_the_last_answer_has_time_while_it_reads() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            transport, connections = FakeTransport(), gateway.server._connections
            connection = client_connection.ClientConnection(gateway.gate, connections)
            connection.connection_made(transport)
            transport.unread_bytes = 50_000
            connection.data_received(b"this is not HTTP\r\n\r\n")
            times = gateway.gate.times
            gateway.pass_time(times.linger_s + 1)
            assert not transport.is_aborted
            transport.unread_bytes = 20_000
            gateway.pass_time(times.idle_s + 1)
            assert not transport.is_aborted
            gateway.pass_time(times.idle_s + 1)
            assert transport.is_aborted
            del connections[connection]

    run(test)


def _has_begun(gateway: Gateway) -> bool:
    (connection,) = gateway.server._connections
    assert connection._current is not None
    forwarding = connection._current.forwarding
    return forwarding is not None and forwarding.answer_has_begun


def test_draining_ends_with_an_answer_that_had_begun_before() -> None:
    async def test() -> None:
        may_end = asyncio.Event()
        size = 200_000

        async def in_two_parts(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            writer.write(b"x" * (size - 1))
            await may_end.wait()
            writer.write(b"x")
            await reader.read()

        async with running(FakeTriton(behaviour=in_two_parts)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            answering = asyncio.create_task(client.answer())
            await until(lambda: any(c._current is not None for c in gateway.server._connections))
            await until(lambda: gateway.server._connections and _has_begun(gateway))
            draining = asyncio.create_task(gateway.server.drain(1000))
            may_end.set()
            assert len((await answering).body) == size
            gateway.pass_time(1.0)
            async with asyncio.timeout(PATIENCE_S):
                await draining

    run(test)


def test_a_triton_that_takes_nothing_pauses_the_client_at_once() -> None:
    async def test() -> None:
        async def once(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(OK)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()

        size = 48 * 1024 * 1024
        async with running(FakeTriton(behaviour=once), max_body_bytes=size) as gateway:
            client = await gateway.connect()
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            (upstream,) = gateway.pool._open
            small_buffer(upstream._transport)
            sending = asyncio.create_task(client.send(post(INFER, gateway.token, b"x" * size)))
            (connection,) = gateway.server._connections
            await until(lambda: connection._is_paused)
            assert upstream._transport.get_write_buffer_size() < 1_000_000
            sending.cancel()

    run(test)


def test_deadlines_pass_by_themselves_in_a_running_server() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.send(b"GET /v2/health/live HTTP/1.1\r\n")
            await until(lambda: any(c._raw_bytes for c in gateway.server._connections))
            gateway.clock.now_s += gateway.gate.times.head_s + 1
            assert_problem(await client.answer(), 408, "request_timeout")

    run(test)
