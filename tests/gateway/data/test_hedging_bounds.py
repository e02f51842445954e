"""When an inference is not sent to a second Triton, however slow the first is."""

import gzip
from collections.abc import Callable

import pytest

from gateway.data.body import HOLD_BYTES
from gateway.data.hedging import Hedged
from gateway.data.replicas.breakers import FAILURES_IN_A_ROW
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Replica
from gateway.data.replicas.retries import FREE_PER_S, HEDGING_SHARE, SHARE, WINDOW_S
from gateway.data.routes import find_route
from tests.gateway.data.racing import BODY, NEVER_S, Held, ask, begin, hedged, racing
from tests.gateway.fake_triton import OK, OK_BODY, FakeTriton
from tests.gateway.helpers import INFER, get, post, run, until

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def test_an_answer_that_has_begun_when_the_time_is_over_is_waited_for() -> None:
    async def test() -> None:
        first, second = Held(begins=OK[:20]), FakeTriton()
        first.answer = OK[20:]
        async with racing(first, second, after_s=NEVER_S) as gateway:
            client = await ask(gateway)
            await until(lambda: len(first.asked) == 1)
            connection = hedged(gateway)._connection
            await until(lambda: connection is not None and not connection.is_silent)
            begin(gateway)
            first.let_go()
            assert (await client.answer()).body == OK_BODY
            assert not second.asked
            assert not gateway.gate.replicas.hedges

    run(test)


def test_an_answer_in_time_stops_the_clock() -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton()
        async with racing(first, second, after_s=NEVER_S) as gateway:
            client = await ask(gateway)
            await until(lambda: len(first.asked) == 1)
            request = hedged(gateway)
            timer = request._timer
            assert timer is not None
            first.let_go()
            assert (await client.answer()).status == 200
            assert timer.cancelled() and request._timer is None
            assert not gateway.gate.replicas.hedges

    run(test)


@pytest.mark.parametrize(
    ("verb", "body", "fields"),
    [
        (b"infer", b'{"parameters":{"sequence_id":7,"sequence_start":true}}', b""),
        (b"infer", b'{"parameters":{"sequence_id":7}}', b""),
        (b"infer", b" " * (HOLD_BYTES + 1), b""),
        (b"infer", gzip.compress(BODY, mtime=0), b"Content-Encoding: gzip\r\n"),
        (b"generate", b"{}", b""),
        (b"generate_stream", b"{}", b""),
    ],
)
def test_what_is_not_to_be_done_twice_is_sent_once(verb: bytes, body: bytes, fields: bytes) -> None:
    async def test() -> None:
        tritons = [Held(), Held()]
        async with racing(*tritons, after_s=NEVER_S) as gateway:
            client = await gateway.connect()
            await client.send(post(b"/v2/models/echo/" + verb, gateway.token, body, fields))
            await until(lambda: any(triton.asked for triton in tritons))
            assert hedged(gateway)._timer is None
            for triton in tritons:
                triton.let_go()
            assert (await client.answer()).status == 200

    run(test)


def test_a_get_is_sent_once() -> None:
    async def test() -> None:
        first = Held()
        async with racing(first, FakeTriton(), after_s=NEVER_S) as gateway:
            client = await gateway.connect()
            await client.send(get(b"/v2/models/echo", gateway.token))
            await until(lambda: len(first.asked) == 1)
            assert hedged(gateway)._timer is None
            first.let_go()
            assert (await client.answer()).status == 200

    run(test)


def test_what_was_sent_again_is_not_sent_a_third_time() -> None:
    async def test() -> None:
        first, second, third = FakeTriton(BUSY), Held(), Held()
        async with racing(first, second, third, after_s=NEVER_S) as gateway:
            client = await ask(gateway)
            await until(lambda: bool(second.asked or third.asked))
            assert hedged(gateway)._timer is None
            second.let_go()
            third.let_go()
            assert (await client.answer()).status == 200

    run(test)


def test_a_lone_triton_is_asked_once() -> None:
    async def test() -> None:
        lone = Held()
        async with racing(lone, after_s=NEVER_S) as gateway:
            client = await ask(gateway)
            await until(lambda: len(lone.asked) == 1)
            assert hedged(gateway)._timer is None
            lone.let_go()
            assert (await client.answer()).status == 200

    run(test)


def test_unless_it_is_set_nothing_is_sent_twice() -> None:
    async def test() -> None:
        first = Held()
        async with racing(first, FakeTriton(), after_s=0.0) as gateway:
            client = await ask(gateway)
            await until(lambda: len(first.asked) == 1)
            (connection,) = gateway.server._connections
            assert connection._current is not None
            assert not isinstance(connection._current.forwarding, Hedged)
            first.let_go()
            assert (await client.answer()).status == 200

    run(test)


def leave_out(replica: Replica, group: Replicas) -> None:
    group.eject(replica, "test")


def lack_the_model(replica: Replica, group: Replicas) -> None:
    group.know_models(replica, frozenset({"another"}))


def open_breaker(replica: Replica, group: Replicas) -> None:
    for _ in range(FAILURES_IN_A_ROW):
        group.answered(replica, find_route(b"POST", INFER), 500)


def fill(replica: Replica, group: Replicas) -> None:
    replica.pool.max_connections = 0


@pytest.mark.parametrize("unfit", [leave_out, lack_the_model, open_breaker, fill])
def test_only_who_is_fit_and_has_room_gets_it(unfit: Callable[[Replica, Replicas], None]) -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton()
        async with racing(first, second) as gateway:
            group = gateway.gate.replicas
            unfit(group.all[1], group)
            client = await ask(gateway)
            await until(lambda: group.hedges == {"nobody_left": 1})
            first.let_go()
            assert (await client.answer()).status == 200
            assert not second.asked

    run(test)


def test_it_has_half_of_the_budget_of_repeats_and_those_that_failed_the_rest() -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton()
        async with racing(first, second) as gateway:
            group = gateway.gate.replicas
            while group.budget.take(HEDGING_SHARE):
                pass
            client = await ask(gateway)
            await until(lambda: group.hedges == {"over_budget": 1})
            assert not second.asked
            first.let_go(BUSY)
            assert (await client.answer()).status == 200
            assert group.repeats == {"refused": 1}

    run(test)


def test_of_many_slow_requests_no_more_are_sent_twice_than_the_budget_has() -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton()
        async with racing(first, second, max_connections=80) as gateway:
            group = gateway.gate.replicas
            # Nobody is chosen but the first, whatever it has in flight.
            group._lists["echo"] = [0]
            clients = [await ask(gateway) for _ in range(80)]
            await until(lambda: group.hedges["over_budget"] > 0)
            first.let_go()
            for client in clients:
                assert (await client.answer()).status == 200
            most = HEDGING_SHARE * (FREE_PER_S * WINDOW_S + SHARE * len(clients))
            assert len(second.asked) == group.hedges["won"] + group.hedges["lost"] <= most

    run(test)
