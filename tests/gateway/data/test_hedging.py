"""An inference that one Triton is slow to answer goes to a second: who wins, and who is left."""

import asyncio
import gc
import json
import random
from pathlib import Path

import pytest

from gateway.data.access_log import AccessLog
from gateway.data.answers import LAST_CHUNK
from gateway.data.hedging import Hedge, Hedged
from tests.gateway.data.racing import (
    BODY,
    BUSY,
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
            assert hedged(gateway)._replica is gateway.gate.replicas.all[1]
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


# Whatever comes.


def test_whatever_comes_each_request_is_answered_once_and_nothing_is_left_over() -> None:
    chosen = random.Random(7)
    answers = [OK] * 6 + [BUSY, answer(b"500 Internal Server Error"), CHUNKED + LAST_CHUNK, b""]

    async def whimsical(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await triton.read_request(reader)
            for _ in range(chosen.choice((0, 3, 300))):
                await asyncio.sleep(0)
            said = chosen.choice(answers)
            if not said:
                return
            writer.write(said)

    async def test() -> None:
        tritons = [FakeTriton(behaviour=whimsical) for _ in range(3)]
        async with racing(*tritons) as gateway:

            async def call() -> None:
                for _ in range(50):
                    client = await ask(gateway)
                    if chosen.random() < 0.1:
                        await asyncio.sleep(0)
                        client.close()
                    else:
                        assert (await client.answer()).status in (200, 500, 502, 503)
                        client.close()

            await asyncio.gather(*(call() for _ in range(8)))
            hedges, repeats = gateway.gate.replicas.hedges, gateway.gate.replicas.repeats
            assert hedges["won"] and hedges["lost"]
            asked = sum(len(triton.asked) for triton in tritons)
            sent_again = repeats["unheard"] + repeats["refused"] + hedges["won"] + hedges["lost"]
            assert asked <= 400 + sent_again
            await until(lambda: gateway.gate.metrics.in_flight == 0)

    run(test)


@pytest.mark.parametrize("winner", [0, 1])
def test_a_request_that_was_sent_twice_leaves_no_circle_behind(winner: int) -> None:
    def are_left() -> bool:
        return any(type(one) in (Hedged, Hedge) for one in gc.get_objects())

    async def test() -> None:
        tritons = [Held(), Held()]
        async with racing(*tritons) as gateway:
            client = await ask(gateway)
            await until_sent_twice(*tritons)
            assert are_left()
            tritons[winner].let_go()
            assert (await client.answer()).status == 200
            # The worker's collector comes seldom.
            await until(lambda: not are_left())

    gc.collect()
    # So that there is little to look through: with all other tests there are millions.
    gc.freeze()
    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()
        gc.unfreeze()


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
