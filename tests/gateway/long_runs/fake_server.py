"""An upstream that costs little: it answers at once, counts what it is sent, and can send much.

`python -m tests.gateway.long_runs.fake_server PORT`; a model called `huge` answers with as many
bytes as the request's body says, `echo` with how many it was sent, and there is no other.
"""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
PIECE = bytes(64 * 1024)


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._writable = asyncio.Event()
        self._writable.set()
        self._path = b""
        self._body_bytes = 0
        # The first bytes of the body; the rest is counted only.
        self._begun = b""
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sending is not None:
            self._sending.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def on_message_begin(self) -> None:
        self._path, self._begun, self._body_bytes = b"", b"", 0

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if len(self._begun) < 64:
            self._begun += body[:64]

    def on_message_complete(self) -> None:
        if b"/huge/" in self._path:
            self._sending = asyncio.get_running_loop().create_task(self._send(int(self._begun)))
            return
        if b"/echo" not in self._path:
            self._transport.write(_NOT_FOUND)
            return
        body = (
            b'{"model_name":"echo","model_version":"1","outputs":[],"bytes":%d}' % self._body_bytes
        )
        self._transport.write(_HEAD % len(body) + body)

    async def _send(self, size_bytes: int) -> None:
        self._transport.write(_HEAD % size_bytes)
        for start in range(0, size_bytes, len(PIECE)):
            await self._writable.wait()
            self._transport.write(PIECE[: size_bytes - start])


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
