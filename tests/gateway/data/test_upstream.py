"""Triton misbehaving: refusing, breaking off, talking nonsense, too slow, too much."""

import asyncio

import pytest

from gateway.data.answer_reader import MAX_ANSWER_HEAD_BYTES
from gateway.data.peer import Peer
from gateway.data.upstream import WAITING_PER_CONNECTION
from gateway.data.upstream_connection import HOLD_BYTES, UpstreamConnection
from tests.gateway.compiled import needs_sources
from tests.gateway.fake_triton import OK, Behaviour, FakeTriton
from tests.gateway.helpers import INFER, assert_problem, get, post, run, running, until

LIVE = get(b"/v2/health/live", None)


def test_a_triton_that_is_not_there_is_a_503_until_it_is() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            port = triton.port
            await triton.stop()
            client = await gateway.connect()
            for _ in range(2):
                reply = await client.ask(post(INFER, gateway.token))
                assert_problem(reply, 503, "triton_unavailable")
                assert int(reply.fields["retry-after"]) > 0
            await triton.start(port)
            assert (await client.ask(post(INFER, gateway.token))).status == 200

    run(test)


def test_all_who_wait_for_a_triton_that_is_not_there_are_told_at_once() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton, max_connections=1) as gateway:
            await triton.stop()
            asks = (gateway.ask(post(INFER, gateway.token)) for _ in range(8))
            for reply in await asyncio.gather(*asks):
                assert_problem(reply, 503, "triton_unavailable")
            await triton.start()

    run(test)


def _once(data: bytes) -> Behaviour:
    """Answers one request with these bytes and closes."""

    async def behave(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await triton.read_request(reader)
        writer.write(data)
        writer.close()
        await writer.wait_closed()

    return behave


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nno length",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b: c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * (MAX_ANSWER_HEAD_BYTES + 10),
    ],
)
def test_an_answer_broken_off_or_not_http_is_a_502(data: bytes) -> None:
    async def test() -> None:
        async with running(FakeTriton(behaviour=_once(data))) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token))
            assert_problem(reply, 502, "upstream_failed")
            await until(lambda: gateway.pool.open_connections == 0)

    run(test)


@pytest.mark.parametrize("framing", [b"Content-Length: 200000", b"Transfer-Encoding: chunked"])
def test_an_answer_broken_off_midway_is_seen_as_broken_by_the_client(framing: bytes) -> None:
    async def test() -> None:
        start = b"186a0\r\n" if b"chunked" in framing else b""
        data = b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (framing, start + b"x" * 100_000)
        async with running(FakeTriton(behaviour=_once(data))) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await client.answer()
        assert gateway.count("echo", 502) == 1

    run(test)


def test_an_interim_answer_is_skipped() -> None:
    async def test() -> None:
        triton = FakeTriton(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)
        async with running(triton) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token))
        assert reply.status == 200 and "link" not in reply.fields

    run(test)


def test_a_connection_that_says_more_than_its_answer_is_not_used_again() -> None:
    async def test() -> None:
        triton = FakeTriton(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        async with running(triton) as gateway:
            client = await gateway.connect()
            for _ in range(3):
                assert b"poison" not in (await client.ask(post(INFER, gateway.token))).body
        assert triton.connections == 3

    run(test)


def test_a_connection_that_speaks_unasked_is_closed() -> None:
    async def test() -> None:
        is_answered = asyncio.Event()

        async def talkative(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(OK)
            await is_answered.wait()
            writer.write(OK)
            await reader.read()

        async with running(FakeTriton(behaviour=talkative)) as gateway:
            assert (await gateway.ask(LIVE)).status == 200
            is_answered.set()
            await until(lambda: gateway.pool.open_connections == 0)

    run(test)


def test_a_connection_that_is_about_to_close_is_not_used() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            (upstream,) = gateway.pool._open
            (connection,) = gateway.server._connections
            # Both as read from their sockets in one turn of the loop.
            upstream.data_received(OK)
            connection.data_received(post(INFER, gateway.token))
            assert (await client.answer()).status == 200
        assert triton.connections == 2

    run(test)


def test_who_waits_for_a_connection_that_breaks_gets_another() -> None:
    async def test() -> None:
        may_break = asyncio.Event()

        async def breaks_first(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            is_first = not triton.asked
            await triton.read_request(reader)
            if is_first:
                await may_break.wait()
                return
            writer.write(OK)
            await reader.read()

        triton = FakeTriton(behaviour=breaks_first)
        async with running(triton, max_connections=1) as gateway:
            first, second = await gateway.connect(), await gateway.connect()
            await first.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            await second.send(post(INFER, gateway.token))
            await until(lambda: gateway.gate.metrics.in_flight == 2)
            may_break.set()
            assert_problem(await first.answer(), 502, "upstream_failed")
            assert (await second.answer()).status == 200

    run(test)


def test_trailers_are_not_taken_for_fields_of_the_next_answer() -> None:
    async def test() -> None:
        start, field = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", b"X-Own: 1\r\n"
        body = b"\r\n2\r\n{}\r\n0\r\n"
        answers = [start + body + field + b"\r\n", start + field + body + b"\r\n"]
        async with running(FakeTriton(lambda _: answers.pop(0))) as gateway:
            client = await gateway.connect()
            replies = [await client.ask(post(INFER, gateway.token)) for _ in range(2)]
        assert [reply.fields.get("x-own") for reply in replies] == [None, "1"]

    run(test)


def test_tritons_close_is_honoured() -> None:
    async def test() -> None:
        triton = FakeTriton(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        async with running(triton) as gateway:
            client = await gateway.connect()
            for _ in range(2):
                reply = await client.ask(get(b"/v2", gateway.token))
                assert reply.status == 200 and "connection" not in reply.fields
        assert triton.connections == 2

    run(test)


async def _close_when_asked_again(
    triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await triton.read_request(reader)
    writer.write(OK)
    await reader.readuntil(b"\r\n\r\n")


def test_a_get_on_a_kept_connection_that_was_closed_is_asked_once_more() -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=_close_when_asked_again)
        async with running(triton) as gateway:
            client = await gateway.connect()
            request = get(b"/v2", gateway.token)
            assert [(await client.ask(request)).status for _ in range(3)] == [200] * 3
        assert triton.connections == 3

    run(test)


def test_an_inference_that_may_have_been_read_is_never_repeated() -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=_close_when_asked_again)
        async with running(triton) as gateway:
            client = await gateway.connect()
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            reply = await client.ask(post(INFER, gateway.token))
            assert_problem(reply, 502, "upstream_failed")
        assert triton.connections == 1

    run(test)


def test_idle_connections_that_triton_closed_are_not_used() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.ask(post(INFER, gateway.token))
            triton.close_connections()
            await until(lambda: gateway.pool.open_connections == 0)
            assert (await client.ask(post(INFER, gateway.token))).status == 200

    run(test)


def test_a_triton_too_slow_is_a_504_and_its_connection_is_closed() -> None:
    async def test() -> None:
        async def silent(triton: FakeTriton, reader: asyncio.StreamReader, _: object) -> None:
            await triton.read_request(reader)
            await reader.read()

        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            gateway.pass_time(gateway.gate.times.upstream_s)
            body = assert_problem(await client.answer(), 504, "upstream_timeout")
            assert "60 s" in str(body["detail"])
            await until(lambda: triton.closed == 1)

    run(test)


def test_too_many_waiting_requests_and_a_wait_too_long_are_503() -> None:
    async def test() -> None:
        async def silent(triton: FakeTriton, reader: asyncio.StreamReader, _: object) -> None:
            await triton.read_request(reader)
            await reader.read()

        triton = FakeTriton(behaviour=silent)
        async with running(triton, max_connections=1) as gateway:
            waiting = [await gateway.connect() for _ in range(1 + WAITING_PER_CONNECTION)]
            for client in waiting:
                await client.send(post(INFER, gateway.token))
                await until(lambda: len(triton.asked) == 1)
            await until(lambda: gateway.gate.metrics.in_flight == len(waiting))
            reply = await gateway.ask(post(INFER, gateway.token))
            assert_problem(reply, 503, "overloaded")
            assert "retry-after" in reply.fields
            gateway.pass_time(gateway.gate.times.upstream_s)
            statuses = sorted([(await client.answer()).status for client in waiting])
            assert statuses == [503] * WAITING_PER_CONNECTION + [504]

    run(test)


def test_an_early_answer_to_a_large_upload_is_passed_on_and_both_connections_closed() -> None:
    async def test() -> None:
        early = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad"

        async def impatient(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(early)
            await reader.read()

        async with running(FakeTriton(behaviour=impatient)) as gateway:
            client = await gateway.connect()
            request = post(INFER, gateway.token, b"x" * 500_000)
            await client.send(request[: 2 * HOLD_BYTES])
            reply = await client.answer()
            assert (reply.status, reply.body) == (400, b"bad")
            assert reply.fields["connection"] == "close"
            await until(lambda: gateway.pool.open_connections == 0)

    run(test)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_chunked_answer_is_passed_on_as_it_comes(version: bytes) -> None:
    async def test() -> None:
        may_go_on = asyncio.Event()

        async def streaming(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await may_go_on.wait()
            writer.write(b"6;x=y\r\nsecond\r\n0\r\nTrailer: x\r\n\r\n")
            await reader.read()

        async with running(FakeTriton(behaviour=streaming)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token, version=version))
            seen = b""
            while b"first" not in seen:
                seen += await client.read_some()
            may_go_on.set()
            end = b"6\r\nsecond\r\n0\r\n\r\n" if version == b"1.1" else b"second"
            while not seen.endswith(end):
                seen += await client.read_some()
            assert (b"Transfer-Encoding: chunked" in seen) is (version == b"1.1")

    run(test)


def test_an_answer_of_many_megabytes_arrives_whole() -> None:
    async def test() -> None:
        body = bytes(range(256)) * 40_000
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        async with running(FakeTriton(answer)) as gateway:
            client = await gateway.connect()
            for _ in range(2):
                assert (await client.ask(post(INFER, gateway.token))).body == body

    run(test)


def test_who_waits_while_a_connection_is_left_is_served_by_that() -> None:
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
            first, second = await gateway.connect(), await gateway.connect()
            await first.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 1)
            triton.stop_listening()
            await second.send(post(INFER, gateway.token))
            await until(lambda: gateway.gate.metrics.in_flight == 2)
            may_answer.set()
            assert (await first.answer()).status == 200
            assert (await second.answer()).status == 200

    run(test)


def test_pipelined_requests_to_a_triton_that_is_not_there_are_all_told() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            await triton.stop()
            client = await gateway.connect()
            await client.send(LIVE * 3)
            for _ in range(3):
                assert_problem(await client.answer(), 503, "triton_unavailable")
            await triton.start()

    run(test)


@needs_sources
def test_a_request_that_comes_while_a_connection_opens_gets_one_of_its_own() -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await may_answer.wait()
            writer.write(OK)

        triton = FakeTriton(behaviour=slow)
        async with running(triton, max_connections=2) as gateway:
            first, second = await gateway.connect(), await gateway.connect()
            pool, arrived = gateway.pool, asyncio.Event()
            opened = pool.opened

            def opened_and_another_request(connection: UpstreamConnection) -> None:
                opened(connection)
                if not arrived.is_set():
                    arrived.set()
                    # As read from its socket in this very turn of the loop.
                    (waiting,) = [c for c in gateway.server._connections if c._current is None]
                    waiting.data_received(post(INFER, gateway.token))

            await gateway.gate.authenticator.look_up(gateway.token.encode(), Peer(""))
            await until(lambda: gateway.server.open_connections == 2)
            pool.opened = opened_and_another_request  # type: ignore[method-assign]
            await first.send(post(INFER, gateway.token))
            await until(lambda: len(triton.asked) == 2)
            may_answer.set()
            assert (await first.answer()).status == (await second.answer()).status == 200

    run(test)


def test_a_connection_that_breaks_takes_the_idle_ones_along() -> None:
    async def test() -> None:
        async def breaks_on_the_second(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while True:
                asked = await triton.read_request(reader)
                if asked.body == b"break":
                    return
                if asked.body == b"both":
                    await until(lambda: triton.connections == 2)
                writer.write(OK)

        triton = FakeTriton(behaviour=breaks_on_the_second)
        async with running(triton) as gateway:
            clients = [await gateway.connect() for _ in range(2)]
            for client in clients:
                await client.send(post(INFER, gateway.token, b"both"))
            assert [(await client.answer()).status for client in clients] == [200, 200]
            assert len(gateway.pool._idle) == 2
            reply = await clients[0].ask(post(INFER, gateway.token, b"break"))
            assert_problem(reply, 502, "upstream_failed")
            assert not gateway.pool._idle
            assert (await clients[0].ask(post(INFER, gateway.token, b"alone"))).status == 200
            assert triton.connections == 3

    run(test)
