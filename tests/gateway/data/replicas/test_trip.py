"""Requests that go to another Triton: those that may, and those that must not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.data.body import HOLD_BYTES
from gateway.data.replicas.breakers import FAILURES_IN_A_ROW
from gateway.data.replicas.retries import FREE_PER_S, WINDOW_S
from tests.gateway.fake_triton import OK, Asked, Behaviour, FakeTriton
from tests.gateway.helpers import INFER, Gateway, assert_problem, get, post, run, running

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\n\r\n{'error':'x'}"
UNKNOWN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n{'error':'x'}"
SEQUENCE = b'{"parameters":{"sequence_id":7%b}}'
STARTS = SEQUENCE % b',"sequence_start":true'


async def _breaks_off(
    triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await triton.read_request(reader)


async def _breaks_off_midway(
    triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await triton.read_request(reader)
    writer.write(OK[:20])
    await writer.drain()


@asynccontextmanager
async def two(
    behaviour: Behaviour | None = None, answer: bytes | Callable[[Asked], bytes] = OK
) -> AsyncIterator[tuple[Gateway, FakeTriton, FakeTriton]]:
    """A gateway whose requests go to the first of two Tritons, which is as the test says."""
    first, second = FakeTriton(answer, behaviour), FakeTriton()
    async with running(first, second) as gateway:
        group = gateway.gate.replicas
        group._draw = lambda: 0.0
        yield gateway, first, second
        # What is chosen by is what there is.
        assert group._loads == [replica.in_flight for replica in group.all]


def test_a_request_that_cannot_be_sent_goes_to_another_and_the_next_ones_too() -> None:
    async def test() -> None:
        async with two() as (gateway, first, second):
            await first.stop()
            for verb in (b"infer", b"generate", b"generate_stream"):
                reply = await gateway.ask(post(b"/v2/models/echo/" + verb, gateway.token))
                assert reply.status == 200
            assert len(second.asked) == 3
            assert gateway.gate.replicas.repeats == {"unsent": 1}
            await first.start()

    run(test)


def test_where_nobody_answers_it_is_said_once_and_soon() -> None:
    async def test() -> None:
        async with two() as (gateway, first, second):
            await first.stop()
            await second.stop()
            for _ in range(2):
                reply = await gateway.ask(post(INFER, gateway.token))
                assert_problem(reply, 503, "triton_unavailable")
            await first.start()
            await second.start()

    run(test)


@pytest.mark.parametrize("body", [b"{}", b"x" * 1000, b""])
def test_an_inference_that_nothing_was_heard_of_is_sent_again_as_it_was(body: bytes) -> None:
    async def test() -> None:
        async with two(_breaks_off) as (gateway, first, second):
            assert (await gateway.ask(post(INFER, gateway.token, body))).status == 200
            assert first.asked[0].body == second.asked[0].body == body
            assert gateway.gate.replicas.repeats == {"unheard": 1}

    run(test)


def test_a_get_is_sent_again() -> None:
    async def test() -> None:
        async with two(_breaks_off) as (gateway, _, second):
            assert (await gateway.ask(get(b"/v2/models/echo", gateway.token))).status == 200
            assert len(second.asked) == 1

    run(test)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/v2/models/echo/generate", b"{}"),
        (b"/v2/models/echo/generate_stream", b"{}"),
        (INFER, STARTS),
        (INFER, b" " * (HOLD_BYTES + 1)),
    ],
)
def test_what_may_have_been_done_and_is_not_to_be_done_twice_is_not_sent_again(
    path: bytes, body: bytes
) -> None:
    async def test() -> None:
        async with two(_breaks_off) as (gateway, first, second):
            if body == STARTS:
                await aim(gateway, first)
            reply = await gateway.ask(post(path, gateway.token, body))
            assert_problem(reply, 502, "upstream_failed")
            assert not second.asked

    run(test)


async def aim(gateway: Gateway, triton: FakeTriton) -> None:
    """Have sequences begin there."""
    for replica in gateway.gate.replicas.all:
        is_meant = replica.name.endswith(f":{triton.port}")
        gateway.gate.replicas.know_models(replica, frozenset({"echo"} if is_meant else ()))


def test_what_was_answered_in_part_is_not_sent_again() -> None:
    async def test() -> None:
        async with two(_breaks_off_midway) as (gateway, _, second):
            reply = await gateway.ask(post(INFER, gateway.token))
            assert_problem(reply, 502, "upstream_failed")
            assert not second.asked

    run(test)


def test_a_request_is_repeated_once_only() -> None:
    async def test() -> None:
        tritons = [FakeTriton(behaviour=_breaks_off) for _ in range(4)]
        async with running(*tritons) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token))
            assert_problem(reply, 502, "upstream_failed")
        assert sum(len(triton.asked) for triton in tritons) == 2

    run(test)


@pytest.mark.parametrize("verb", [b"infer", b"generate"])
def test_what_triton_had_no_room_for_goes_to_another(verb: bytes) -> None:
    async def test() -> None:
        async with two(answer=BUSY) as (gateway, first, second):
            reply = await gateway.ask(post(b"/v2/models/echo/" + verb, gateway.token, b"abc"))
            assert reply.status == 200
            assert second.asked[0].body == first.asked[0].body == b"abc"
            assert gateway.gate.replicas.repeats == {"refused": 1}

    run(test)


def test_a_refusal_by_all_is_passed_on() -> None:
    async def test() -> None:
        async with two(answer=BUSY) as (gateway, _, second):
            second.answer = BUSY
            assert (await gateway.ask(post(INFER, gateway.token))).status == 503
            assert len(second.asked) == 1

    run(test)


def test_a_model_that_is_only_elsewhere_is_asked_for_there() -> None:
    async def test() -> None:
        async with two(answer=UNKNOWN) as (gateway, _, second):
            here, there = gateway.gate.replicas.all
            gateway.gate.replicas.know_models(there, frozenset({"echo"}))
            gateway.gate.replicas.know_models(here, frozenset({"echo"}))
            assert (await gateway.ask(post(INFER, gateway.token))).status == 200
            assert len(second.asked) == 1
            # What is ready there is looked at anew.
            assert here.is_index_due

    run(test)


def test_a_model_that_nobody_is_known_to_have_is_asked_for_once() -> None:
    async def test() -> None:
        async with two(answer=UNKNOWN) as (gateway, _, second):
            assert (await gateway.ask(post(INFER, gateway.token))).status == 404
            assert not second.asked

    run(test)


def test_an_error_of_the_model_is_passed_on() -> None:
    async def test() -> None:
        failed = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
        async with two(answer=failed) as (gateway, _, second):
            assert (await gateway.ask(post(INFER, gateway.token))).status == 500
            assert not second.asked

    run(test)


def test_that_a_model_is_ready_does_not_say_that_it_works() -> None:
    async def test() -> None:
        def answer(asked: Asked) -> bytes:
            failed = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
            return OK if asked.head.startswith(b"GET") else failed

        async with two(answer=answer) as (gateway, first, second):
            client = await gateway.connect()
            ready = get(b"/v2/models/echo/ready", gateway.token)
            for _ in range(10):
                await client.ask(post(INFER, gateway.token))
                assert (await client.ask(ready)).status == 200
            posts = [asked for asked in first.asked if asked.head.startswith(b"POST")]
            assert len(posts) == FAILURES_IN_A_ROW
            assert len(second.asked) == 20 - len(first.asked)

    run(test)


def test_repeats_have_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with two(answer=BUSY) as (gateway, _, _):
            client = await gateway.connect()
            statuses = [(await client.ask(post(INFER, gateway.token))).status for _ in range(150)]
            free = FREE_PER_S * WINDOW_S
            # And a tenth of those that were sent.
            assert free + 10 <= statuses.count(200) <= free + 15
            assert gateway.gate.replicas.repeats["over_budget"] == statuses.count(503)

    monkeypatch.setattr("gateway.data.replicas.breakers.FAILURES_IN_A_ROW", 1000)

    run(test)


def test_a_sequence_goes_to_one_triton() -> None:
    async def test() -> None:
        async with two() as (gateway, first, second):
            client = await gateway.connect()
            for number in range(10):
                parameters = b',"sequence_start":true' if number == 0 else b""
                await client.ask(post(INFER, gateway.token, SEQUENCE % parameters))
            assert sorted([len(first.asked), len(second.asked)]) == [0, 10]

    run(test)


def test_a_sequence_whose_triton_is_gone_is_not_continued_elsewhere_but_begun() -> None:
    async def test() -> None:
        async with two() as (gateway, first, second):
            await aim(gateway, first)
            assert (await gateway.ask(post(INFER, gateway.token, STARTS))).status == 200
            await first.stop()
            for replica in gateway.gate.replicas.all:
                gateway.gate.replicas.know_models(replica, None)
            reply = await gateway.ask(post(INFER, gateway.token, SEQUENCE % b""))
            assert_problem(reply, 503, "triton_unavailable")
            assert (await gateway.ask(post(INFER, gateway.token, STARTS))).status == 200
            assert (await gateway.ask(post(INFER, gateway.token, SEQUENCE % b""))).status == 200
            assert len(second.asked) == 2
            await first.start()

    run(test)


def test_who_waits_for_a_connection_to_a_triton_that_dies_is_served_by_another() -> None:
    async def test() -> None:
        may_end = asyncio.Event()

        async def dies(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await may_end.wait()

        first, second = FakeTriton(behaviour=dies), FakeTriton()
        async with running(first, second, max_connections=1) as gateway:
            replicas = gateway.gate.replicas
            gateway.gate.replicas.know_models(replicas.all[1], frozenset())
            clients = [await gateway.connect() for _ in range(4)]
            for client in clients:
                await client.send(post(INFER, gateway.token))
            while replicas.all[0].in_flight < 4 or not first.asked:
                await asyncio.sleep(0.001)
            first.stop_listening()
            replicas.know_models(replicas.all[1], None)
            may_end.set()
            assert [(await client.answer()).status for client in clients] == [200] * 4
            assert replicas.repeats == {"unheard": 1, "unsent": 3}

    run(test)


def test_a_statistic_tells_whose_it_is_and_an_inference_does_not() -> None:
    async def test() -> None:
        async with two() as (gateway, first, _):
            reply = await gateway.ask(get(b"/v2/models/echo/stats", gateway.token))
            assert reply.fields["x-conch-triton"] == f"127.0.0.1:{first.port}"
            reply = await gateway.ask(post(INFER, gateway.token))
            assert "x-conch-triton" not in reply.fields

    run(test)
