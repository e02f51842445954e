"""Health: asked for by anybody, heard by Triton now and then."""

import asyncio

from tests.gateway.fake_triton import OK, FakeTriton
from tests.gateway.helpers import assert_problem, get, run, running, until

LIVE = get(b"/v2/health/live", None)
READY = get(b"/v2/health/ready", None)


def test_one_answer_is_for_all_who_ask_meanwhile_and_for_a_moment() -> None:
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
            clients = [await gateway.connect() for _ in range(20)]
            for client in clients:
                await client.send(LIVE)
            await until(lambda: gateway.gate.metrics.in_flight == 20)
            may_answer.set()
            assert {(await client.answer()).status for client in clients} == {200}
            assert (await clients[0].ask(LIVE)).status == 200
            assert len(triton.asked) == 1
            gateway.pass_time(1)
            assert (await clients[0].ask(LIVE)).status == 200
            assert len(triton.asked) == 2
            assert gateway.gate.metrics.in_flight == 0

    run(test)


def test_live_and_ready_are_two_questions() -> None:
    async def test() -> None:
        not_ready = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        triton = FakeTriton(lambda asked: OK if b"/live" in asked.head else not_ready)
        async with running(triton) as gateway:
            assert (await gateway.ask(LIVE)).status == 200
            reply = await gateway.ask(READY)
        assert (reply.status, reply.body) == (400, b"")
        # Whoever asks: the answer is given to clients that take nothing compressed as well.
        assert [asked.fields[b"accept-encoding"] for asked in triton.asked] == [b"identity"] * 2

    run(test)


def test_a_triton_that_is_away_is_a_503_for_all() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            triton.stop_listening()
            for _ in range(2):
                assert_problem(await gateway.ask(LIVE), 503, "triton_unavailable")

    run(test)


def test_a_question_that_nobody_waits_for_is_dropped() -> None:
    async def test() -> None:
        async def silent(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await reader.read()

        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            first, second = await gateway.connect(), await gateway.connect()
            await first.send(LIVE)
            await second.send(LIVE)
            await until(lambda: gateway.gate.metrics.in_flight == 2 and bool(triton.asked))
            first.close()
            await until(lambda: gateway.gate.metrics.in_flight == 1)
            assert triton.closed == 0
            gateway.pass_time(gateway.gate.times.upstream_s)
            assert_problem(await second.answer(), 504, "upstream_timeout")
            await until(lambda: triton.closed == 1)
            assert gateway.count("", 499) == 1
            assert gateway.gate.metrics.in_flight == 0

    run(test)


def test_a_health_too_long_to_be_one_is_a_502() -> None:
    async def test() -> None:
        triton = FakeTriton(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000))
        async with running(triton) as gateway:
            assert_problem(await gateway.ask(LIVE), 502, "upstream_failed")
            await until(lambda: gateway.pool.open_connections == 0)

    run(test)


def test_a_kept_connection_that_was_closed_is_no_ill_health() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            assert (await gateway.ask(LIVE)).status == 200
            gateway.pass_time(1)
            triton.close_connections()
            assert (await gateway.ask(LIVE)).status == 200

    run(test)
