"""Requests and their limits: what is taken when, what comes back, and what clients are told."""

import asyncio
import json
from collections.abc import Sequence

from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.outage import Mode
from gateway.quotas.policies import Policies
from gateway.quotas.protocol import Answer as QuotaAnswer
from gateway.quotas.protocol import Renewal
from gateway.quotas.renewing import Renewing
from gateway.rates import Rate
from tests.gateway.fake_triton import OK, OK_BODY, Asked, FakeTriton
from tests.gateway.helpers import INFER, Clock, Gateway, assert_problem, post, run, running, until
from tests.gateway.quota_store import TemporaryStore
from tests.gateway.quotas.held import HeldInMemory


def limit(
    measure: Rate | Budget | Concurrency, metric: Metric = Metric.REQUESTS, models: str = "*"
) -> Limit:
    return Limit(f"{metric}-{type(measure).__name__}", "acme", None, models, metric, measure)


def batch_of(samples: int, padding: int = 0) -> bytes:
    """JSON of an inference of so many samples; the shape comes first."""
    tensor = {"name": "x", "shape": [samples, 1], "datatype": "INT32", "data": [1] * samples}
    return json.dumps({"inputs": [tensor], "id": "x" * padding}).encode()


async def statuses(gateway: Gateway, token: str, bodies: list[bytes]) -> list[int]:
    return [(await gateway.ask(post(INFER, token, body))).status for body in bodies]


async def silent(
    triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await triton.read_request(reader)
    await reader.read()


def test_samples_are_the_batch_and_all_of_it_must_fit() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(limits=(limit(Budget(10, Period.DAY), Metric.SAMPLES),))
            sent = await statuses(gateway, token, [batch_of(n) for n in (4, 4, 3, 2, 1)])
            assert sent == [200, 200, 429, 200, 429]
        assert len(triton.asked) == 3

    run(test)


def test_who_sends_more_samples_than_a_limit_ever_allows_is_told_that_waiting_does_not_help() -> (
    None
):
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            token = gateway.add_key(limits=(limit(Budget(10, Period.DAY), Metric.SAMPLES),))
            reply = await gateway.ask(post(INFER, token, batch_of(11)))
            assert_problem(reply, 403, "above_limit")
            assert "retry-after" not in reply.fields
            assert (await statuses(gateway, token, [batch_of(10)])) == [200]

    run(test)


def test_samples_of_a_large_body_are_seen_before_it_is_sent_on() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(limits=(limit(Budget(10, Period.DAY), Metric.SAMPLES),))
            large = batch_of(6, padding=300_000)
            assert (await statuses(gateway, token, [large, batch_of(5), batch_of(4)])) == [
                200,
                429,
                200,
            ]
            refused = await gateway.ask(post(INFER, token, large))
            assert_problem(refused, 429, "quota_exceeded")
        assert len(triton.asked) == 2

    run(test)


def test_what_is_certain_to_be_refused_is_not_to_be_sent() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            token = gateway.add_key(limits=(limit(Budget(1, Period.DAY), Metric.SAMPLES),))
            assert (await statuses(gateway, token, [batch_of(1), batch_of(1)])) == [200, 429]
            client = await gateway.connect()
            head, _, body = post(
                INFER, token, batch_of(1, 200_000), b"Expect: 100-continue\r\n"
            ).partition(b"\r\n\r\n")
            assert body
            await client.send(head + b"\r\n\r\n")
            reply = await client.answer()
            assert_problem(reply, 429, "quota_exceeded")

    run(test)


def test_bytes_of_the_answer_count_as_well() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            budget = Budget(2 * (2 + len(OK_BODY)), Period.DAY)
            token = gateway.add_key(limits=(limit(budget, Metric.BYTES),))
            assert (await statuses(gateway, token, [b"{}"] * 3)) == [200, 200, 429]

    run(test)


def test_slots_come_back_with_the_answer_and_when_the_client_leaves() -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            token = gateway.add_key(limits=(limit(Concurrency(1)),))
            client = await gateway.connect()
            await client.send(post(INFER, token))
            await until(lambda: bool(triton.asked))
            reply = await gateway.ask(post(INFER, token))
            assert_problem(reply, 429, "quota_exceeded")
            assert reply.fields["ratelimit-policy"].endswith(';qu="concurrent-requests"')
            client.close()
            await until(lambda: gateway.gate.metrics.in_flight == 0)
            other = await gateway.connect()
            await other.send(post(INFER, token))
            await until(lambda: len(triton.asked) == 2)

    run(test)


def test_a_client_with_a_time_of_its_own_hears_within_it_that_there_is_no_slot() -> None:
    async def test() -> None:
        clock = Clock()
        store = TemporaryStore(clock.nanoseconds)
        async with running(FakeTriton(), store=store) as gateway:
            clock.now_s = gateway.clock.now_s
            other = Renewing(store, Policies(), HeldInMemory("other"), clock_ns=clock.nanoseconds)
            renewing = other.start()
            limits = (limit(Concurrency(1)),)
            taken = asyncio.Event()
            other.holder.admit(
                other.holder.allowances.of(limits, "echo"), (1, 0, 0, 0), lambda _: taken.set()
            )
            await taken.wait()
            token = gateway.add_key(limits=limits)
            # Below what others wait for a slot.
            fields = b"X-Conch-Timeout-Ms: 390\r\n"
            asking = asyncio.create_task(gateway.ask(post(INFER, token, b"{}", fields)))
            # The client's time is the loop's own.
            ahead_s = clock.now_s - asyncio.get_running_loop().time()
            while not asking.done():
                await asyncio.sleep(0.01)
                now_s = ahead_s + asyncio.get_running_loop().time()
                gateway.pass_time(now_s - gateway.clock.now_s)
                clock.now_s = gateway.clock.now_s
            assert_problem(await asking, 429, "quota_exceeded")
            renewing.cancel()

    run(test)


def test_a_limit_on_other_models_is_not_asked() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            token = gateway.add_key(limits=(limit(Budget(0, Period.DAY), models="other*"),))
            assert (await statuses(gateway, token, [b"{}"] * 2)) == [200, 200]
            assert len(gateway.gate.quotas) == 0

    run(test)


class FakeSilentStore:
    """Takes its time."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[QuotaAnswer | None]:
        await self.may_answer.wait()
        return [None] * len(renewals)

    async def close(self) -> None: ...


def test_a_client_that_leaves_while_its_limits_are_asked_for_is_forgotten() -> None:
    async def test() -> None:
        triton, store = FakeTriton(), FakeSilentStore()
        async with running(triton, store=store) as gateway:
            token = gateway.add_key(limits=(limit(Budget(1, Period.DAY)),))
            client = await gateway.connect()
            await client.send(post(INFER, token))
            await until(lambda: gateway.gate.metrics.in_flight == 1)
            client.close()
            await until(lambda: gateway.gate.metrics.in_flight == 0)
            assert gateway.count("", 499) + gateway.count("echo", 499) == 1
            store.may_answer.set()
        assert not triton.asked

    run(test)


def test_a_store_that_is_away_is_no_fault_of_the_client() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            token = gateway.add_key(limits=(limit(Budget(5, Period.DAY)),))
            gateway.gate.quotas.outage.mode = Mode.REFUSE
            reply = await gateway.ask(post(INFER, token))
            assert_problem(reply, 503, "quota_store_away")
            assert reply.fields["retry-after"] == "1"

    run(test)


def test_compute_is_charged_as_it_was_measured() -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            token = gateway.add_key(limits=(limit(Budget(100, Period.DAY), Metric.COMPUTE_MS),))
            client = await gateway.connect()
            await client.send(post(INFER, token))
            await until(lambda: bool(triton.asked))
            # So long that the whole budget has gone, whatever was reserved.
            gateway.clock.now_s += 0.3
            client.close()
            await until(lambda: gateway.gate.metrics.in_flight == 0)
            assert_problem(await gateway.ask(post(INFER, token)), 429, "quota_exceeded")

    run(test)


def test_many_short_requests_are_charged_what_they_took_together() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:

            def slow(_: Asked) -> bytes:
                gateway.clock.now_s += 0.0004
                return OK

            triton.answer = slow
            token = gateway.add_key(limits=(limit(Budget(100, Period.DAY), Metric.COMPUTE_MS),))
            sent = await statuses(gateway, token, [b"{}"] * 300)
            # 99.2 ms, of which whole ones are charged: the next may not take one of its own.
            assert sent == [200] * 248 + [429] * 52

    run(test)


def test_what_triton_did_not_compute_costs_no_samples_and_says_nothing_of_the_next() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            token = gateway.add_key(limits=(limit(Budget(10, Period.DAY), Metric.SAMPLES),))
            await triton.stop()
            sent = await statuses(gateway, token, [batch_of(10)] * 2)
            assert sent == [503, 503]
            assert gateway.gate.estimates.compute_ms("echo") == 1
            await triton.start(triton.port)
            assert await statuses(gateway, token, [batch_of(10)] * 2) == [200, 429]

    run(test)


def test_large_answers_to_others_do_not_shut_out_who_may_use_less() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            gateway.gate.estimates.observe("echo", 1, answer_bytes=50_000)
            token = gateway.add_key(limits=(limit(Rate(10_000, 1, 10_000), Metric.BYTES),))
            assert await statuses(gateway, token, [b"{}"]) == [200]

    run(test)
