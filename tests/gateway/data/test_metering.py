"""What of a request is usage, seen from a gateway before a Triton that says what it is told to."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.data import metrics
from gateway.data.body import HOLD_BYTES
from gateway.data.model_names import ModelNames
from gateway.rates import Rate
from gateway.usage.counts import Counts
from tests.gateway.fake_triton import OK_BODY, FakeTriton
from tests.gateway.helpers import INFER, Gateway, get, post, run, running, until


def infer_body(samples: int, data_bytes: int = 0) -> bytes:
    tensor = {"name": "x", "datatype": "INT8", "shape": [samples, 1], "data": [0] * samples}
    return json.dumps({"inputs": [tensor]}).encode().ljust(data_bytes)


def counted(gateway: Gateway) -> dict[str, Counts]:
    """By model; the tenant and the key are the gateway's only ones."""
    batch = gateway.gate.usage.take()
    (key,) = gateway.keys
    assert all((account.tenant, account.key) == ("acme", key) for account in batch)
    return {account.model: counts for account, counts in batch.items()}


def test_an_inference_counts_with_its_samples_and_bytes() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            body = infer_body(7)
            for _ in range(2):
                await gateway.ask(post(INFER, gateway.token, body))
            size = 2 * (len(body) + len(OK_BODY))
            expected = Counts(requests=2, samples=14, size_bytes=size)
            assert counted(gateway) == {"echo": expected}

    run(test)


@pytest.mark.parametrize("coding", [b"gzip", b""])
def test_samples_are_found_in_bodies_that_are_streamed_or_compressed(coding: bytes) -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            body = infer_body(50, 3 * HOLD_BYTES)
            fields = b"Content-Encoding: gzip\r\n" if coding else b""
            sent = gzip.compress(body) if coding else body
            await gateway.ask(post(INFER, gateway.token, sent, fields))
            assert counted(gateway)["echo"].samples == 50

    run(test)


@pytest.mark.parametrize("verb", [b"generate", b"generate_stream"])
def test_generate_takes_one_sample_whatever_its_input_is_called(verb: bytes) -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            path = b"/v2/models/echo/" + verb
            await gateway.ask(post(path, gateway.token, b'{"shape":[5]}'))
            assert counted(gateway)["echo"].samples == 1

    run(test)


def test_a_request_without_tensors_has_no_samples() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            await gateway.ask(get(b"/v2/models/echo", gateway.token))
            counts = counted(gateway)["echo"]
            assert (counts.requests, counts.samples, counts.errors) == (1, 0, 0)

    run(test)


def test_what_nobody_known_asked_for_is_not_counted() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            await gateway.ask(post(INFER, None))
            await gateway.ask(get(b"/v2/health/live", None))
            await gateway.ask(get(b"/v9", gateway.token))
            assert counted(gateway) == {}

    run(test)


def test_what_a_quota_refuses_is_no_request() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            gateway.keys.clear()
            token = gateway.add_key(limit=Rate(1, 3600, 1))
            for _ in range(3):
                await gateway.ask(post(INFER, token, infer_body(1)))
            found = counted(gateway)
            sums = [(counts.requests, counts.refused) for counts in found.values()]
            assert sums == [(1, 2)]

    run(test)


@pytest.mark.parametrize(("status", "errors"), [(400, 0), (500, 1), (503, 1)])
def test_an_answer_that_is_no_success_counts_without_samples(status: int, errors: int) -> None:
    async def test() -> None:
        answer = b"HTTP/1.1 %d x\r\nContent-Length: 3\r\n\r\nbad" % status

        async def refuse(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(answer)

        async with running(FakeTriton(behaviour=refuse)) as gateway:
            body = infer_body(5)
            await gateway.ask(post(INFER, gateway.token, body))
            # Triton has not answered for this model with success: the name may be made up.
            expected = Counts(requests=1, errors=errors, size_bytes=len(body) + 3)
            assert counted(gateway) == {"": expected}

    run(test)


def test_an_error_told_in_a_stream_of_status_200_is_an_error() -> None:
    async def test() -> None:
        events = b'data: {"n":1}\n\ndata: {"error":"x"}\n\n'

        async def tell(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(events) + events)

        async with running(FakeTriton(behaviour=tell)) as gateway:
            path = b"/v2/models/echo/generate_stream"
            await gateway.ask(post(path, gateway.token))
            counts = counted(gateway)["echo"]
            assert (counts.requests, counts.samples, counts.errors) == (1, 1, 1)

    run(test)


def test_a_client_that_leaves_has_used_what_triton_computed_until_then() -> None:
    async def test() -> None:
        async def silent(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await reader.read()

        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token, infer_body(4)))
            await until(lambda: bool(triton.asked))
            gateway.clock.now_s += 1.5
            client.close()
            await until(lambda: not gateway.server.open_connections)
            counts = counted(gateway)[""]
        assert (counts.requests, counts.samples, counts.compute_us) == (1, 4, 1_500_000)

    run(test)


def test_an_answer_of_status_200_names_its_model_also_where_the_client_leaves_in_it() -> None:
    async def test() -> None:
        async def begin(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\npart")
            await reader.read()

        async with running(FakeTriton(behaviour=begin)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token, infer_body(4)))
            await client.read_head()
            client.close()
            await until(lambda: not gateway.server.open_connections)
            counts = counted(gateway)["echo"]
            assert (counts.requests, counts.samples, counts.errors) == (1, 4, 0)

    run(test)


def test_every_model_that_answered_is_billed_also_without_series_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "MAX_MODELS", 1)

    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            for number in (1, 2, 3):
                path = b"/v2/models/m%d/infer" % number
                await gateway.ask(post(path, gateway.token, infer_body(number)))
            found = {model: counts.samples for model, counts in counted(gateway).items()}
            assert found == {"m1": 1, "m2": 2, "m3": 3}
            assert (gateway.count("m1", 200), gateway.count("", 200)) == (1, 2)

    run(test)


def test_what_comes_past_the_bound_of_billed_models_is_counted_without_a_name() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            gateway.gate.billed_models = ModelNames(1)
            for name in (b"m1", b"m2", b"m1"):
                await gateway.ask(post(b"/v2/models/%b/infer" % name, gateway.token, infer_body(1)))
            found = {model: counts.requests for model, counts in counted(gateway).items()}
            assert found == {"m1": 2, "": 1}

    run(test)


@asynccontextmanager
async def before_a_triton_that_takes(seconds: float) -> AsyncIterator[Gateway]:
    """A gateway whose clock stands still but for Triton."""
    gateways: list[Gateway] = []

    async def slow(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await triton.read_request(reader)
            gateways[0].clock.now_s += seconds
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with running(FakeTriton(behaviour=slow)) as gateway:
        gateways.append(gateway)
        yield gateway


def test_the_time_of_triton_is_summed_in_microseconds() -> None:
    async def test() -> None:
        async with before_a_triton_that_takes(0.000_25) as gateway:
            for _ in range(3):
                await gateway.ask(post(INFER, gateway.token, infer_body(1)))
            assert counted(gateway)["echo"].compute_us == 750

    run(test)


def test_the_gateways_own_time_is_told_of_what_went_to_triton_alone() -> None:
    async def test() -> None:
        async with before_a_triton_that_takes(5) as gateway:
            await gateway.ask(post(INFER, gateway.token, infer_body(1)))
            await gateway.ask(get(b"/nowhere", gateway.token))
            await gateway.ask(post(INFER, "no key", infer_body(1)))
            gateway.gate.metrics.publish()
            told = gateway.registry.get_sample_value
            assert told("conch_gateway_overhead_seconds_count") == 1
            assert told("conch_gateway_overhead_seconds_sum") == 0
            assert told("conch_request_duration_seconds_sum", {"model": "echo"}) == 5

    run(test)
