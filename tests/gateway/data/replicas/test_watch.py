"""Looking after the Tritons: who is live, what is ready there."""

import asyncio

import pytest

from gateway.data.replicas.ejection import FIRST_EJECTION_S, State
from gateway.data.replicas.replica import Replica
from gateway.data.replicas.watch import INDEX_EVERY, MOST_A_ROUND, Watch, look_at
from tests.gateway.fake_triton import OK, Asked, Behaviour, FakeTriton
from tests.gateway.helpers import INFER, Gateway, assert_problem, get, post, run, running, until

NOT_LIVE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def with_models(*names: str) -> FakeTriton:
    body = b"[%b]" % b",".join(b'{"name":"%b","version":"1"}' % name.encode() for name in names)
    index = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def answer(asked: Asked) -> bytes:
        return index if b"/index" in asked.request_line else OK

    return FakeTriton(answer)


def paths(triton: FakeTriton) -> list[bytes]:
    return [asked.request_line.split(b" ")[1] for asked in triton.asked]


async def look(gateway: Gateway, triton: FakeTriton) -> Replica:
    """One look at this Triton; it is told what came of it."""
    (replica,) = [one for one in gateway.gate.replicas.all if one.name.endswith(f":{triton.port}")]
    await look_at(gateway.gate.replicas, replica)
    return replica


def test_which_models_are_ready_is_asked_and_followed() -> None:
    async def test() -> None:
        first, second = with_models("echo"), with_models("other")
        async with running(first, second) as gateway:
            for triton in (first, second):
                await look(gateway, triton)
            for _ in range(10):
                assert (await gateway.ask(post(INFER, gateway.token))).status == 200
            assert paths(first).count(INFER) == 10
            assert INFER not in paths(second)
            (index,) = [asked for asked in first.asked if b"/index" in asked.head]
            assert index.body == b'{"ready":true}'

    run(test)


def test_a_server_that_does_not_tell_its_models_is_used_for_all() -> None:
    async def test() -> None:
        async with running(FakeTriton(), FakeTriton()) as gateway:
            replica = gateway.gate.replicas.all[0]
            await look_at(gateway.gate.replicas, replica)
            assert replica.models is None and not replica.is_index_due

    run(test)


def test_one_that_takes_no_connection_is_left_out_at_once_and_taken_back_when_it_does() -> None:
    async def test() -> None:
        first, second = with_models("echo"), with_models("echo")
        async with running(first, second) as gateway:
            port = first.port
            await first.stop()
            replica = await look(gateway, first)
            assert replica.standing.state is State.EJECTED
            # Not yet: it may be restarting again and again.
            await first.start(port)
            await look(gateway, first)
            assert replica.standing.state is State.EJECTED
            gateway.clock.now_s += FIRST_EJECTION_S
            gateway.gate.replicas.pass_time()
            await look(gateway, first)
            assert replica.standing.state is State.RETURNING
            assert replica.models == frozenset({"echo"})

    run(test)


def _ends(at_once: bool) -> Behaviour:
    async def behave(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if at_once:
            return
        while True:
            await triton.read_request(reader)
            writer.write(OK)

    return behave


def test_one_that_ends_is_left_out_and_its_connections_are_closed_after_their_answers() -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while True:
                await triton.read_request(reader)
                await may_answer.wait()
                writer.write(OK)

        first, second = FakeTriton(behaviour=slow), FakeTriton()
        async with running(first, second) as gateway:
            gateway.gate.replicas._draw = lambda: 0.0
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await until(lambda: len(first.asked) == 1)
            # As Triton does when it is told to end: what is open goes on, what is new is closed.
            first.behaviour = _ends(at_once=True)
            replica = await look(gateway, first)
            assert replica.standing.state is State.EJECTED
            assert replica.pool.open_connections == 1
            may_answer.set()
            assert (await client.answer()).status == 200
            await until(lambda: replica.pool.open_connections == 0)
            assert (await client.ask(post(INFER, gateway.token))).status == 200
            assert len(second.asked) == 1

    run(test)


def test_one_that_says_twice_that_it_is_not_live_is_left_out() -> None:
    async def test() -> None:
        first = FakeTriton(NOT_LIVE)
        async with running(first, FakeTriton()) as gateway:
            assert (await look(gateway, first)).standing.state is State.HEALTHY
            assert (await look(gateway, first)).standing.state is State.EJECTED

    run(test)


def test_one_that_is_silent_is_given_up_on_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async def silent(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.read()

        first = FakeTriton(behaviour=silent)
        async with running(first, FakeTriton()) as gateway:
            for _ in range(2):
                replica = await look(gateway, first)
            assert replica.standing.state is State.EJECTED
            await until(lambda: replica.asking.open_connections == 0)

    monkeypatch.setattr("gateway.data.replicas.watch.PROBE_TIMEOUT_S", 0.05)
    run(test)


def test_a_failed_probe_does_not_make_the_wait_longer() -> None:
    async def test() -> None:
        first = FakeTriton()
        async with running(first, FakeTriton()) as gateway:
            await first.stop()
            replica = await look(gateway, first)
            gateway.clock.now_s += FIRST_EJECTION_S
            gateway.gate.replicas.pass_time()
            for _ in range(5):
                await look(gateway, first)
            assert replica.standing.state is State.PROBING
            assert replica.ejections == 1
            await first.start()

    run(test)


def test_a_broken_request_has_it_looked_at_at_once() -> None:
    async def test() -> None:
        async def breaks(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)

        first, second = FakeTriton(behaviour=breaks), FakeTriton()
        async with running(first, second) as gateway:
            Watch(gateway.gate.replicas, lambda group: None)
            gateway.gate.replicas._draw = lambda: 0.0
            assert (await gateway.ask(post(INFER, gateway.token))).status == 200
            await until(lambda: not gateway.gate.replicas.all[0].standing.is_usable)
            assert paths(first) == [INFER, b"/v2/health/live"]

    run(test)


def test_each_round_asks_for_health_and_some_for_the_models() -> None:
    async def test() -> None:
        first, second = with_models("echo"), with_models("echo")
        async with running(first, second) as gateway:
            group = gateway.gate.replicas
            published: list[object] = []
            watch = Watch(group, published.append)
            for _ in range(2 * INDEX_EVERY):
                watch.look()
                await until(lambda: not any(one.is_being_asked for one in group.all))
            assert published == [group] * 2 * INDEX_EVERY
            assert paths(first).count(b"/v2/health/live") == 2 * INDEX_EVERY
            # The first time, and every so often.
            assert paths(first).count(b"/v2/repository/index") == 3

    run(test)


def test_of_many_sound_ones_some_are_asked_in_a_round_and_each_in_its_turn() -> None:
    async def test() -> None:
        tritons = [with_models("echo") for _ in range(INDEX_EVERY * MOST_A_ROUND - 5)]
        rounds_of_all = INDEX_EVERY
        async with running(*tritons) as gateway:
            group = gateway.gate.replicas
            watch = Watch(group, lambda group: None)
            await watch.begin()
            broken = group.all[0]
            broken.standing.broke()
            asked = []
            for _ in range(2 * rounds_of_all):
                watch.look()
                asked.append({one.place for one in group.all if one.is_being_asked})
                await until(lambda: not any(one.is_being_asked for one in group.all))
            assert all(MOST_A_ROUND <= len(round_) <= MOST_A_ROUND + 1 for round_ in asked)
            assert all(broken.place in round_ for round_ in asked)
            everyone = set(range(len(tritons)))
            assert set().union(*asked[:rounds_of_all]) == everyone
            assert set().union(*asked[rounds_of_all:]) == everyone
        for triton in tritons[1:]:
            assert paths(triton).count(b"/v2/health/live") >= 3
            # In the first look, and once in each turn that comes long enough after it.
            assert paths(triton).count(b"/v2/repository/index") >= 2

    run(test)


def test_before_the_first_request_all_have_been_looked_at() -> None:
    async def test() -> None:
        first, second = with_models("echo"), with_models("other")
        async with running(first, second) as gateway:
            await Watch(gateway.gate.replicas, lambda group: None).begin()
            models = [replica.models for replica in gateway.gate.replicas.all]
            assert models == [frozenset({"echo"}), frozenset({"other"})]

    run(test)


def test_the_only_triton_is_not_asked() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            Watch(gateway.gate.replicas, lambda group: None).look()
            await asyncio.sleep(0)
        assert not triton.asked

    run(test)


def test_ready_is_who_has_one_triton_that_is() -> None:
    async def test() -> None:

        first, second = FakeTriton(NOT_LIVE), FakeTriton()
        async with running(first, second) as gateway:
            ready = get(b"/v2/health/ready", None)
            assert (await gateway.ask(ready)).status == 200
            await first.stop()
            gateway.pass_time(1)
            assert (await gateway.ask(ready)).status == 200
            await second.stop()
            gateway.pass_time(1)
            assert_problem(await gateway.ask(ready), 503, "triton_unavailable")
            await first.start()
            await second.start()

    run(test)


def test_metrics_that_cannot_be_written_do_not_stop_it() -> None:
    def fail(_: object) -> None:
        raise OSError("no space")

    async def test() -> None:
        first = FakeTriton()
        async with running(first, FakeTriton()) as gateway:
            watch = Watch(gateway.gate.replicas, fail)
            for _ in range(2):
                watch.look()
                await until(lambda: not gateway.gate.replicas.all[0].is_being_asked)
        assert paths(first).count(b"/v2/health/live") == 2

    run(test)
