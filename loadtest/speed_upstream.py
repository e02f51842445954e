"""A server that reads each request to its end and answers a few bytes, as quickly as it can.

Before it the speed of a generator shows: `python -m loadtest.speed` starts it.
"""

import asyncio
import json
from typing import cast

import httptools
import uvloop

_METADATA = {
    "name": "image",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3, 224, 224]}],
    "outputs": [],
}


class _Client(asyncio.Protocol):
    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport has the methods of asyncio.Transport and is no subclass of it.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_message_complete(self) -> None:
        asked = not self._path.endswith((b"/infer", b"/config"))
        body = json.dumps(_METADATA if asked else {"max_batch_size": 8, "outputs": []}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Client, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
