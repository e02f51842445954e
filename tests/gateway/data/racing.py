"""A gateway before Tritons that answer when a test lets them, and a request on its way there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.data.hedging import Hedged
from gateway.data.replicas.trip import Trip
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import INFER, Gateway, RawClient, post, running, until

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
        # Of two that have as much in flight the first.
        group._draw = lambda: 0.0
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


def begin(gateway: Gateway) -> None:
    """Have the time of the first be over."""
    request = hedged(gateway)
    timer = request._timer
    assert timer is not None
    timer.cancel()
    trip, connection = request._trip, request._connection
    assert isinstance(trip, Trip) and connection is not None
    request._begin(trip, connection)
