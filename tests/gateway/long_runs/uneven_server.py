"""An upstream that mostly answers fast, and each so manieth time slowly.

`python -m tests.gateway.long_runs.uneven_server PORT FAST_S SLOW_S SLOW_EVERY`; it is slow never
where that is 0. `GET /inferences` tells how many it was asked for.
"""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ANSWER = b'{"model_name":"echo","model_version":"1","outputs":[]}'


class Pace:
    """How long the next answer takes."""

    def __init__(self, fast_s: float, slow_s: float, slow_every: int) -> None:
        self._fast_s = fast_s
        self._slow_s = slow_s
        self._slow_every = slow_every
        self.inferences = 0

    def next_s(self) -> float:
        self.inferences += 1
        is_slow = self._slow_every and self.inferences % self._slow_every == 0
        return self._slow_s if is_slow else self._fast_s


class _Connection(asyncio.Protocol):
    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path = b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_message_complete(self) -> None:
        if self._path.endswith(b"/infer"):
            loop = asyncio.get_running_loop()
            loop.call_later(self._pace.next_s(), self._answer, _ANSWER)
        else:
            # Whatever else is asked for, that it lives among it.
            self._answer(b"%d" % self._pace.inferences)

    def _answer(self, body: bytes) -> None:
        # Its client may have left.
        if not self._transport.is_closing():
            self._transport.write(_HEAD % len(body) + body)


async def serve(port: int, pace: Pace) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(pace), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    _, port, fast_s, slow_s, slow_every = sys.argv
    uvloop.run(serve(int(port), Pace(float(fast_s), float(slow_s), int(slow_every))))
