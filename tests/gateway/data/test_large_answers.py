"""Answers too large to be held, as the network may cut them up."""

import asyncio

import pytest

from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import INFER, post, run, running

BODY = bytes(range(256)) * 8192


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_answer_whose_head_comes_alone_arrives_whole(is_chunked: bool) -> None:
    async def answer(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await triton.read_request(reader)
        if is_chunked:
            framing, body = b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n"
            body %= (len(BODY), BODY)
        else:
            framing, body = b"Content-Length: %d" % len(BODY), BODY
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
        await head_has_arrived.wait()
        writer.write(body)
        await writer.drain()
        await reader.read()

    head_has_arrived = asyncio.Event()

    async def test() -> None:
        async with running(FakeTriton(behaviour=answer)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            head = await client.read_head()
            head_has_arrived.set()
            reply = await client.rest_of_answer(head)
        assert reply.status == 200
        assert reply.body == BODY

    run(test)
