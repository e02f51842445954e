"""Bodies that are still arriving: how many hold a connection to Triton."""

import asyncio

from gateway.data.uploads import Uploads
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import (
    INFER,
    Gateway,
    RawClient,
    assert_problem,
    post,
    run,
    running,
    until,
)

SIZE = 200_000


class Upload:
    """One that waits."""

    def __init__(self) -> None:
        self.turns = 0

    def on_turn(self) -> None:
        self.turns += 1


def test_one_caller_has_half_of_what_all_have() -> None:
    uploads = Uploads(8)
    assert [uploads.take(Upload(), "a") for _ in range(3)] == [True, True, False]
    assert [uploads.take(Upload(), "b") for _ in range(3)] == [True, True, False]
    assert not uploads.take(Upload(), "c")
    assert uploads.taken == 4


def test_the_first_that_may_has_the_next_turn() -> None:
    uploads = Uploads(8)
    for _ in range(2):
        uploads.take(Upload(), "a")
        uploads.take(Upload(), "b")
    first, second, third = Upload(), Upload(), Upload()
    uploads.take(first, "a")
    uploads.take(second, "c")
    uploads.take(third, "c")
    uploads.give_back("b")
    assert (first.turns, second.turns, third.turns) == (0, 1, 0)
    uploads.leave(third)
    uploads.give_back("a")
    assert (first.turns, third.turns) == (1, 0)
    assert uploads.taken == 4


def test_even_one_connection_may_be_used() -> None:
    assert Uploads(1).take(Upload(), "a")


async def _begin_upload(gateway: Gateway, token: str) -> RawClient:
    client = await gateway.connect()
    await client.send(post(INFER, token, b"x" * SIZE)[: -SIZE // 2])
    return client


def test_slow_bodies_of_one_key_leave_triton_to_others() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton, max_connections=4) as gateway:
            slow = [await _begin_upload(gateway, gateway.token) for _ in range(6)]
            await until(lambda: gateway.gate.metrics.in_flight == 6)
            await until(lambda: gateway.gate.uploads.taken == 1)
            other = gateway.add_key()
            assert (await gateway.ask(post(INFER, other))).status == 200
            assert (await gateway.ask(post(INFER, other, b"x" * SIZE))).status == 200
            # One after the other has its turn as those before it end.
            sending = asyncio.gather(*(client.send(b"x" * (SIZE // 2)) for client in slow))
            assert {(await client.answer()).status for client in slow} == {200}
            await sending
            assert gateway.gate.uploads.taken == 0

    run(test)


def test_a_body_that_waits_for_its_turn_too_long_is_a_503_and_waits_no_longer() -> None:
    async def test() -> None:
        async with running(FakeTriton(), max_connections=4) as gateway:
            times = gateway.gate.times
            first = await _begin_upload(gateway, gateway.token)
            await until(lambda: gateway.gate.uploads.taken == 1)
            second = await _begin_upload(gateway, gateway.token)
            await until(lambda: len(gateway.gate.uploads._waiting) == 1)
            gateway.pass_time(times.body_progress_s - 1)
            await first.send(b"x")
            await until(lambda: gateway.gate.metrics.in_flight == 2)
            gateway.pass_time(times.upstream_s - times.body_progress_s + 1)
            assert_problem(await second.answer(), 503, "overloaded")
            assert not gateway.gate.uploads._waiting

    run(test)


def test_a_client_that_leaves_gives_its_turn_back() -> None:
    async def test() -> None:
        async with running(FakeTriton(), max_connections=4) as gateway:
            first = await _begin_upload(gateway, gateway.token)
            await until(lambda: gateway.gate.uploads.taken == 1)
            second = await _begin_upload(gateway, gateway.token)
            await until(lambda: len(gateway.gate.uploads._waiting) == 1)
            first.close()
            await second.send(b"x" * (SIZE // 2))
            assert (await second.answer()).status == 200
            await until(lambda: gateway.gate.uploads.taken == 0)
            await asyncio.sleep(0)

    run(test)
