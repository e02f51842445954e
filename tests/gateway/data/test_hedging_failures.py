"""An inference that two Tritons have, where one of them fails, or both."""

import pytest

from gateway.data.replicas.breakers import FAILURES_IN_A_ROW
from tests.gateway.data.racing import (
    BUSY,
    BUSY_IN_PARTS,
    CHUNKED,
    NEVER_S,
    OTHER,
    OTHER_BODY,
    Held,
    answer,
    ask,
    begin,
    hedged,
    racing,
    until_sent_twice,
)
from tests.gateway.fake_triton import OK, OK_BODY, FakeTriton
from tests.gateway.helpers import assert_problem, run, until


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
            # A whole answer is no reason to close.
            assert second.closed == (not failure)

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
            group = gateway.gate.replicas
            await until(lambda: group.hedges == {"won": 1})
            second.let_go(OTHER)
            assert (await client.answer()).body == OTHER_BODY
            # It was sent twice, not thrice.
            assert len(first.asked) == len(second.asked) == 1
            assert not group.repeats
            assert bool(group.all[0].breakers) == (failure in (BUSY, BUSY_IN_PARTS))
            # A whole answer is no reason to close.
            await until(lambda: first.closed == (failure != BUSY))

    run(test)


@pytest.mark.parametrize("failure", ["refused", "unheard"])
def test_where_the_first_fails_before_the_second_was_sent_it_is_sent_again(failure: str) -> None:
    async def test() -> None:
        first, second = Held(), FakeTriton(OTHER)
        async with racing(first, second, after_s=NEVER_S) as gateway:
            client = await ask(gateway)
            await until(lambda: len(first.asked) == 1)
            connection = hedged(gateway)._connection
            assert connection is not None
            begin(gateway)
            # As the event loop calls it; the second is being connected.
            if failure == "refused":
                connection.data_received(BUSY)
            else:
                connection.connection_lost(None)
            assert (await client.answer()).body == OTHER_BODY
            assert len(second.asked) == 1
            assert gateway.gate.replicas.hedges == {"lost": 1}
            assert gateway.gate.replicas.repeats == {failure: 1}

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


def test_what_the_first_did_not_take_is_not_waited_for_at_the_second() -> None:
    async def test() -> None:
        first, second = Held(), Held()
        async with racing(first, second) as gateway:
            client = await ask(gateway)
            await until_sent_twice(first, second)
            request = hedged(gateway)
            # As its connection calls it; loopback's buffers would take all of so small a body.
            request.pause_sending()
            first.let_go(b"")
            await until(lambda: not request.is_blocked)
            assert request.waited_for == "Triton's answer"
            (connection,) = gateway.server._connections
            assert not connection._is_held_back
            second.let_go()
            assert (await client.answer()).status == 200

    run(test)
