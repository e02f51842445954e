"""An inference that one Triton is slow to answer goes to a second: when, when not, who wins."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.data.access_log import AccessLog
from gateway.data.body import HOLD_BYTES
from gateway.data.hedging import Hedged
from gateway.data.replicas.breakers import FAILURES_IN_A_ROW
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Replica
from gateway.data.replicas.retries import FREE_PER_S, HEDGING_SHARE, SHARE, WINDOW_S
from gateway.data.replicas.trip import Trip
from tests.gateway.fake_triton import OK, OK_BODY, FakeTriton
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

SOON_S = 0.001
NEVER_S = 3600.0
BODY = b'{"inputs":[]}'
OTHER_BODY = b'{"model_name":"echo","outputs":[{}]}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"


def answer(status: bytes, body: bytes = OTHER_BODY) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


OTHER = answer(b"200 OK")
BUSY = answer(b"503 Service Unavailable")
BUSY_IN_PARTS = CHUNKED.replace(b"200 OK", b"503 Service Unavailable")


class Held(FakeTriton):
    """A Triton that answers when the test lets it, with what the test says; empty: it breaks off.

    `begins` is what it answers at once.
    """

    def __init__(self, *, begins: bytes = b"") -> None:
        super().__init__(behaviour=_hold)
        self.begins = begins
        self.may_answer = asyncio.Event()

    def let_go(self, answer: bytes | None = None) -> None:
        if answer is not None:
            self.answer = answer
        self.may_answer.set()


async def _hold(
    triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    assert isinstance(triton, Held)
    while True:
        await triton.read_request(reader)
        writer.write(triton.begins)
        leaving = asyncio.ensure_future(reader.read(1))
        answering = asyncio.ensure_future(triton.may_answer.wait())
        await asyncio.wait({leaving, answering}, return_when=asyncio.FIRST_COMPLETED)
        answering.cancel()
        if leaving.done() or not triton.answer:
            return
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert isinstance(triton.answer, bytes)
        writer.write(triton.answer)
        if triton.closes:
            return


@asynccontextmanager
async def racing(
    *tritons: FakeTriton, after_s: float = SOON_S, **options: object
) -> AsyncIterator[Gateway]:
    """A gateway that hedges, and whose requests go to the first of these Tritons."""
    async with running(*tritons, **options) as gateway:
        gateway.gate.hedge_after_s = after_s
        group = gateway.gate.replicas
        group.choose = lambda model: group.all[0]  # type: ignore[method-assign]
        yield gateway
        # However it went: nothing is left of the request, and what is chosen by is what there is.
        await until(lambda: not any(replica.in_flight for replica in group.all))
        assert gateway.gate.metrics.in_flight == 0
        if group.only is None:
            assert group._loads == [replica.in_flight for replica in group.all]


async def ask(gateway: Gateway, body: bytes = BODY, fields: bytes = b"") -> RawClient:
    client = await gateway.connect()
    await client.send(post(INFER, gateway.token, body, fields))
    return client


async def until_sent_twice(*tritons: FakeTriton) -> None:
    await until(lambda: all(triton.asked for triton in tritons))


def hedged(gateway: Gateway) -> Hedged:
    """The only request."""
    (connection,) = gateway.server._connections
    assert connection._current is not None
    forwarding = connection._current.forwarding
    assert isinstance(forwarding, Hedged)
    return forwarding


# Who wins.


def test_a_second_triton_gets_the_same_request_and_its_answer_is_the_clients() -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton(OTHER)
        async with racing(first, second) as gateway:
            reply = await (await ask(gateway, fields=b"X-Request-Id: r-7\r\n")).answer()
            assert (reply.status, reply.body) == (200, OTHER_BODY)
            # Its Triton cancels.
            await until(lambda: first.closed == 1)
            assert gateway.gate.replicas.hedges == {"won": 1}
            assert not gateway.gate.replicas.repeats
        (one,), (other,) = first.asked, second.asked
        assert one.request_line == other.request_line
        assert one.body == other.body == BODY
        assert one.fields[b"host"] != other.fields[b"host"]
        assert one.fields[b"x-request-id"] == b"r-7"
        # But for the host; the request's id and what it is traced by are the same.
        assert {**one.fields, b"host": b""} == {**other.fields, b"host": b""}

    run(test)


def test_the_first_may_still_be_faster_and_the_second_is_left() -> None:
    async def test() -> None:
        first, second = Held(), Held()
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await until_sent_twice(first, second)
            first.let_go()
            assert (await client.answer()).body == OK_BODY
            await until(lambda: second.closed == 1)
            assert gateway.gate.replicas.hedges == {"lost": 1}
            # The connection that answered is kept.
            assert first.closed == 0

    run(test)


def test_an_answer_in_parts_comes_from_the_one_that_began_it() -> None:
    async def test() -> None:
        first, second = Held(), Held(begins=CHUNKED)
        second.answer = b"4\r\nlast\r\n0\r\n\r\n"
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            head = await client.read_head()
            await until(lambda: first.closed == 1)
            second.let_go()
            assert (await client.rest_of_answer(head)).body == b"firstlast"
            assert second.closed == 0

    run(test)


def test_an_answer_of_the_second_that_breaks_off_is_not_begun_anew() -> None:
    async def test() -> None:
        first, second = Held(), Held(begins=CHUNKED)
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await client.read_head()
            second.let_go(b"")
            while await client.read_some():
                pass
            assert gateway.count("echo", 502) == 1
            assert len(first.asked) == len(second.asked) == 1

    run(test)


# Failures.


@pytest.mark.parametrize(
    "failure", [answer(b"500 Internal Server Error"), answer(b"404 Not Found"), BUSY, b""]
)
def test_a_failure_of_the_second_does_not_take_the_place_of_the_firsts_answer(
    failure: bytes,
) -> None:
    async def test() -> None:
        first, second = Held(), Held()
        second.let_go(failure)
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await until(lambda: gateway.gate.replicas.hedges == {"lost": 1})
            first.let_go()
            assert (await client.answer()).body == OK_BODY

    run(test)


def test_a_failure_of_the_second_that_goes_on_is_left() -> None:
    async def test() -> None:
        failure = CHUNKED.replace(b"200 OK", b"500 Internal Server Error")
        first, second = Held(), Held(begins=failure)
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await until(lambda: second.closed == 1)
            first.let_go()
            assert (await client.answer()).body == OK_BODY

    run(test)


def test_failures_of_the_second_open_its_breaker() -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton(answer(b"500 Internal Server Error"))
        async with racing(first, second) as gateway:
            group = gateway.gate.replicas
            for number in range(1, FAILURES_IN_A_ROW + 2):
                first.may_answer.clear()
                client = await ask(gateway)
                await until(lambda number=number: group.hedges.total() == number)  # type: ignore[misc]
                first.let_go()
                assert (await client.answer()).status == 200
            assert group.all[1].breakers.is_open("echo")
            assert not group.all[0].breakers
            assert group.hedges == {"lost": FAILURES_IN_A_ROW, "nobody_left": 1}

    run(test)


@pytest.mark.parametrize("failure", [b"", OK[:20], BUSY, BUSY_IN_PARTS])
def test_where_the_first_fails_the_second_is_waited_for(failure: bytes) -> None:
    async def test() -> None:
        first, second = Held(), Held()
        first.closes = failure == OK[:20]
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await until_sent_twice(first, second)
            first.let_go(failure)
            await until(lambda: gateway.gate.replicas.hedges == {"won": 1})
            second.let_go(OTHER)
            assert (await client.answer()).body == OTHER_BODY
            # It was sent twice, not thrice.
            assert len(first.asked) == len(second.asked) == 1
            assert not gateway.gate.replicas.repeats

    run(test)


@pytest.mark.parametrize("is_first_to_fail", [True, False])
def test_where_both_fail_there_is_one_error(is_first_to_fail: bool) -> None:
    async def test() -> None:
        tritons = [Held(), Held()]
        async with racing(*tritons) as gateway:
            client = await ask(gateway)
            await until_sent_twice(*tritons)
            one, other = tritons if is_first_to_fail else reversed(tritons)
            one.let_go(b"")
            await until(lambda: gateway.gate.replicas.hedges.total() == 1)
            other.let_go(b"")
            assert_problem(await client.answer(), 502, "upstream_failed")
            assert gateway.count("", 502) == 1
            assert [len(triton.asked) for triton in tritons] == [1, 1]
            assert [one.standing.broken for one in gateway.gate.replicas.all] == [1, 1]

    run(test)


def test_a_second_that_cannot_be_reached_changes_nothing() -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton()
        async with racing(first, second) as gateway:
            second.stop_listening()
            client = await ask(gateway)
            await until(lambda: gateway.gate.replicas.hedges == {"lost": 1})
            assert not gateway.gate.replicas.all[1].standing.is_usable
            first.let_go()
            assert (await client.answer()).body == OK_BODY

    run(test)


# When it is not sent twice.


def begin(gateway: Gateway) -> None:
    """Have the time of the first be over."""
    request = hedged(gateway)
    timer = request._timer
    assert timer is not None
    timer.cancel()
    trip, connection = request._trip, request._connection
    assert isinstance(trip, Trip) and connection is not None
    request._begin(trip, connection)


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
            assert request._timer is not None
            first.let_go()
            assert (await client.answer()).status == 200
            assert request._timer is None
            assert not gateway.gate.replicas.hedges

    run(test)


@pytest.mark.parametrize(
    ("verb", "body", "fields"),
    [
        (b"infer", b'{"parameters":{"sequence_id":7,"sequence_start":true}}', b""),
        (b"infer", b'{"parameters":{"sequence_id":7}}', b""),
        (b"infer", b" " * (HOLD_BYTES + 1), b""),
        (b"infer", gzip.compress(BODY), b"Content-Encoding: gzip\r\n"),
        (b"generate", b"{}", b""),
        (b"generate_stream", b"{}", b""),
    ],
)
def test_what_is_not_to_be_done_twice_is_sent_once(verb: bytes, body: bytes, fields: bytes) -> None:
    async def test() -> None:
        tritons = [Held(), Held()]
        async with racing(*tritons) as gateway:
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
        async with racing(first, FakeTriton()) as gateway:
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
        async with racing(lone) as gateway:
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
        group.answered(replica, "echo", 500)


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
        first, second = Held(), FakeTriton(OTHER)
        async with racing(first, second, max_connections=80) as gateway:
            group = gateway.gate.replicas
            clients = [await ask(gateway) for _ in range(80)]
            await until(lambda: group.hedges["over_budget"] > 0)
            first.let_go()
            for client in clients:
                assert (await client.answer()).status == 200
            most = HEDGING_SHARE * (FREE_PER_S * WINDOW_S + SHARE * len(clients))
            assert len(second.asked) == group.hedges["won"] + group.hedges["lost"] <= most

    run(test)


# When the client no longer waits.


def test_a_client_that_leaves_ends_both() -> None:
    async def test() -> None:
        first, second = Held(), Held()
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await until_sent_twice(first, second)
            client.close()
            await until(lambda: first.closed == second.closed == 1)
            assert gateway.count("", 499) == 1

    run(test)


def test_a_client_that_leaves_the_seconds_answer_ends_it() -> None:
    async def test() -> None:
        first, second = Held(), Held(begins=CHUNKED)
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await client.read_head()
            client.close()
            await until(lambda: first.closed == second.closed == 1)

    run(test)


def test_a_client_that_leaves_while_the_second_is_being_connected_ends_that() -> None:
    async def test() -> None:
        first, second = Held(), Held()
        async with racing(first, second, after_s=NEVER_S) as gateway:
            client = await ask(gateway)
            await until(lambda: len(first.asked) == 1)
            begin(gateway)
            assert gateway.gate.replicas.all[1].in_flight == 1
            client.close()
            await until(lambda: first.closed == 1)
            assert gateway.gate.replicas.hedges == {"lost": 1}
            assert not second.asked

    run(test)


def test_a_deadline_holds_for_both() -> None:
    async def test() -> None:
        first, second = Held(), Held()
        async with racing(first, second) as gateway:
            client = await ask(gateway, fields=b"X-Conch-Timeout-Ms: 50\r\n")
            detail = assert_problem(await client.answer(), 504, "upstream_timeout")["detail"]
            assert str(detail).endswith("it waited for Triton's answer.")
            await until(lambda: first.closed == second.closed == 1)

    run(test)


def test_the_longest_silence_counts_from_the_first() -> None:
    async def test() -> None:
        first, second = Held(), Held()
        async with racing(first, second, after_s=NEVER_S) as gateway:
            client = await ask(gateway)
            await until(lambda: len(first.asked) == 1)
            gateway.pass_time(gateway.gate.times.upstream_s - 1)
            begin(gateway)
            await until_sent_twice(first, second)
            gateway.pass_time(1)
            assert_problem(await client.answer(), 504, "upstream_timeout")
            await until(lambda: first.closed == second.closed == 1)

    run(test)


# What is charged and told.


@pytest.mark.parametrize("winner", [0, 1])
def test_charged_is_once_from_the_first_sending_to_the_answer(winner: int, tmp_path: Path) -> None:
    async def test() -> None:
        tritons = [Held(), Held()]
        async with racing(*tritons, after_s=NEVER_S) as gateway:
            gateway.gate.access_log = AccessLog(str(tmp_path / "log"))
            client = await ask(gateway)
            await until(lambda: len(tritons[0].asked) == 1)
            gateway.clock.now_s += 2
            begin(gateway)
            await until_sent_twice(*tritons)
            gateway.clock.now_s += 3
            tritons[winner].let_go()
            reply = await client.answer()
            (counts,) = gateway.gate.usage.take().values()
            assert (counts.requests, counts.compute_us) == (1, 5_000_000)
            assert counts.size_bytes == len(BODY) + len(reply.body)
            gateway.gate.access_log.flush()
            (line,) = (tmp_path / "log").read_text().splitlines()
            assert json.loads(line)["triton_us"] == 5_000_000

    run(test)
