"""An upstream that costs little and writes down who was let through, when, and until when.

`python -m tests.gateway.long_runs.quotas.upstream PORT FILE`: a line is the request's id, when its
request was there and when it was answered or broken off, in microseconds of Unix time. A model
called `slow` takes a second; any other answers at once.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import IO, cast

import httptools
import uvloop

SLOW_S = 1.0
_BODY = b'{"model_name":"quick","model_version":"1","outputs":[]}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


def now_us() -> int:
    return time.time_ns() // 1000


class _Connection(asyncio.Protocol):
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._path = self._id = b""
        self._arrived_us = 0
        self._answering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()
            self._note()

    def on_message_begin(self) -> None:
        self._path = self._id = b""
        self._arrived_us = now_us()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id":
            self._id = value

    def on_message_complete(self) -> None:
        if b"/slow/" in self._path:
            loop = asyncio.get_running_loop()
            self._answering = loop.call_later(SLOW_S, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        self._answering = None
        # Before the gateway hears of it: it is in flight there until then.
        self._note()
        self._transport.write(_ANSWER)

    def _note(self) -> None:
        # The gateway's own questions have no id.
        if self._id:
            self._file.write(b"%b %d %d\n" % (self._id, self._arrived_us, now_us()))


async def serve(port: int, path: Path) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    with path.open("wb") as file:
        await loop.create_server(lambda: _Connection(file), "127.0.0.1", port)
        await ended.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
