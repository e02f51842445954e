"""What the gateway itself asks of a Triton."""

import asyncio

import pytest

from gateway.data.replicas import question
from gateway.data.replicas.question import Reply, ask
from gateway.data.replicas.replica import Address, new_replica
from gateway.data.upstream import Pool
from gateway.errors import HttpError, TritonUnavailable, UpstreamFailed
from tests.gateway.fake_triton import Behaviour, FakeTriton
from tests.gateway.helpers import run, until


async def asked(triton: FakeTriton, *, timeout_s: float = 5.0) -> tuple[Pool, Reply | Exception]:
    """What becomes of a question."""
    await triton.start()
    pool = new_replica(Address("127.0.0.1", triton.port), 8).asking
    try:
        return pool, await ask(pool, "POST", "/v2/x", b"body", timeout_s=timeout_s)
    except (HttpError, TimeoutError) as error:
        return pool, error
    finally:
        await until(lambda: pool.open_connections == 0)
        await triton.stop()


def test_the_answer_is_told_whole_and_the_connection_is_closed() -> None:
    async def test() -> None:
        body = b"x" * 200_000
        triton = FakeTriton(b"HTTP/1.1 201 Created\r\nContent-Length: 200000\r\n\r\n" + body)
        _, reply = await asked(triton)
        assert reply == Reply(201, body)
        assert triton.asked[0].body == b"body"
        assert triton.asked[0].fields[b"accept-encoding"] == b"identity"

    run(test)


def test_an_answer_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "MAX_LIST_BYTES", 100)

    async def test() -> None:
        long = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
        assert isinstance((await asked(FakeTriton(long)))[1], UpstreamFailed)

    run(test)


def _silent(*, breaks: bool) -> Behaviour:
    async def behave(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await triton.read_request(reader)
        if not breaks:
            await reader.read()

    return behave


def test_one_that_breaks_off_or_is_silent_is_told_apart() -> None:
    async def test() -> None:
        assert isinstance((await asked(FakeTriton(behaviour=_silent(breaks=True))))[1], HttpError)
        silent = FakeTriton(behaviour=_silent(breaks=False))
        assert isinstance((await asked(silent, timeout_s=0.05))[1], TimeoutError)

    run(test)


def test_one_that_is_not_there_is_told_with_its_address() -> None:
    async def test() -> None:
        triton = FakeTriton()
        await triton.start()
        await triton.stop()
        asking = new_replica(Address("127.0.0.1", triton.port), 8).asking
        with pytest.raises(TritonUnavailable, match=f"127.0.0.1:{triton.port}"):
            await ask(asking, "GET", "/v2", timeout_s=5)

    run(test)
