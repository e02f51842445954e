"""The time that a client gives its request."""

import asyncio

import pytest

from gateway.data.fields import MAX_TIMEOUT_MS
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import INFER, assert_problem, get, post, run, running, until


def timeout(milliseconds: object) -> bytes:
    return f"X-Conch-Timeout-Ms: {milliseconds}\r\n".encode()


async def silent(
    triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await triton.read_request(reader)
    await reader.read()


def test_past_it_the_client_is_told_what_was_waited_for_and_triton_cancels() -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token, fields=timeout(30)))
            detail = str(assert_problem(reply, 504, "upstream_timeout")["detail"])
            assert "30 ms (X-Conch-Timeout-Ms)" in detail
            assert detail.endswith("it waited for Triton's answer.")
            await until(lambda: triton.closed == 1)
            assert gateway.gate.metrics.in_flight == 0

    run(test)


def test_waiting_for_a_connection_is_told_apart() -> None:
    async def test() -> None:
        async with running(FakeTriton(behaviour=silent), max_connections=1) as gateway:
            first = await gateway.connect()
            await first.send(post(INFER, gateway.token))
            await until(lambda: gateway.pool.in_flight == 1)
            reply = await gateway.ask(post(INFER, gateway.token, fields=timeout(30)))
            detail = str(assert_problem(reply, 504, "upstream_timeout")["detail"])
            assert detail.endswith("it waited for a connection to Triton.")

    run(test)


def test_waiting_for_the_body_is_told_apart() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token, b"x" * 100, timeout(30))[:-1])
            detail = str(assert_problem(await client.answer(), 504, "upstream_timeout")["detail"])
            assert detail.endswith("it waited for the request's body.")
            assert await client.is_closed()

    run(test)


def test_waiting_for_health_is_told_apart() -> None:
    async def test() -> None:
        async with running(FakeTriton(behaviour=silent)) as gateway:
            reply = await gateway.ask(get(b"/v2/health/live", None, timeout(30)))
            detail = str(assert_problem(reply, 504, "upstream_timeout")["detail"])
            assert detail.endswith("it waited for Triton's health.")

    run(test)


def test_the_connection_goes_on_and_the_next_request_has_its_own_time() -> None:
    async def test() -> None:
        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            client = await gateway.connect()
            request = post(INFER, gateway.token, fields=timeout(30))
            assert (await client.ask(request)).status == 504
            triton.behaviour = None
            assert (await client.ask(request)).status == 200
            assert (await client.ask(post(INFER, gateway.token))).status == 200

    run(test)


def test_triton_is_not_told_of_it() -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token, fields=timeout(5000)))
        assert reply.status == 200
        assert b"x-conch-timeout-ms" not in triton.asked[0].fields

    run(test)


@pytest.mark.parametrize("given", ["", "0", "-1", "1.5", "1e3", "soon", "+5", MAX_TIMEOUT_MS + 1])
def test_a_time_that_is_none_is_refused_with_the_limit(given: object) -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token, fields=timeout(given)))
            detail = str(assert_problem(reply, 400, "malformed_request")["detail"])
            assert f"X-Conch-Timeout-Ms is '{given}'" in detail
            assert f"from 1 to {MAX_TIMEOUT_MS}" in detail

    run(test)


def test_it_is_given_once() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            reply = await gateway.ask(post(INFER, gateway.token, fields=timeout(5) * 2))
            assert_problem(reply, 400, "malformed_request")

    run(test)
