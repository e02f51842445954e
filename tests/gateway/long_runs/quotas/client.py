"""A process of clients: sends what its orders say, at the times they say, and writes down all.

`python -m tests.gateway.long_runs.quotas.client ORDERS FILE`: a line is the request's id, when it
was sent and answered, in microseconds of Unix time, and the status; 0: the connection broke.
"""

import asyncio
import itertools
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httptools
import msgspec
import uvloop

from tests.gateway.long_runs.quotas.upstream import now_us

BODY = b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1],"data":[0.5]}]}'
# To one gateway.
MOST_CONNECTIONS = 96
# After the load: what was sent is waited for.
PATIENCE_S = 8.0
_RETRY_S = 0.05


class Caller(msgspec.Struct):
    """A key, and how it is used."""

    number: int
    token: str
    model: str
    wants_per_s: float
    pulse_s: float


class Orders(msgspec.Struct):
    """What a process of clients is to do; `lanes` above 0: that many at a time, without pause."""

    prefix: str
    ports: list[int]
    begin_s: float
    load_s: float
    callers: list[Caller]
    # They begin one by one within it: a worker that knows no key yet looks up each.
    ramp_s: float = 0.0
    lanes: int = 0


class _Client:
    def __init__(self, orders: Orders) -> None:
        self.lines: list[str] = []
        self.in_flight = 0
        self._orders = orders
        self._numbers = itertools.count()
        self._idle: dict[int, list[_Connection]] = {port: [] for port in orders.ports}
        self._open = dict.fromkeys(orders.ports, 0)
        self._queues: dict[int, list[Caller]] = {port: [] for port in orders.ports}
        self._turns = itertools.cycle(orders.ports)
        self.is_over = False

    async def run(self) -> None:
        await asyncio.sleep(self._orders.begin_s - time.time())
        if self._orders.lanes:
            for caller in itertools.islice(
                itertools.cycle(self._orders.callers), self._orders.lanes
            ):
                self.send(caller)
            await asyncio.sleep(self._orders.load_s)
        else:
            await self._follow_schedule()
        self.is_over = True
        end_s = time.time() + PATIENCE_S
        while self.in_flight and time.time() < end_s:
            await asyncio.sleep(0.05)

    async def _follow_schedule(self) -> None:
        begin_s = self._orders.begin_s
        for at_s, caller in sorted(_schedule(self._orders), key=lambda one: one[0]):
            ahead_s = begin_s + at_s - time.time()
            if ahead_s > 0.001:
                await asyncio.sleep(ahead_s)
            self.send(caller)

    def send(self, caller: Caller) -> None:
        port = next(self._turns)
        self.in_flight += 1
        while self._idle[port]:
            connection = self._idle[port].pop()
            if not connection.is_closed:
                connection.send(caller, next(self._numbers))
                return
        self._queues[port].append(caller)
        if self._open[port] < MOST_CONNECTIONS:
            self._open[port] += 1
            asyncio.get_running_loop().create_task(self._connect(port))

    async def _connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, connection = await loop.create_connection(
                    lambda: _Connection(self, port), "127.0.0.1", port
                )
                break
            except OSError:
                await asyncio.sleep(_RETRY_S)
        self.is_free(connection)

    def is_free(self, connection: "_Connection") -> None:
        queue = self._queues[connection.port]
        if queue:
            connection.send(queue.pop(0), next(self._numbers))
        else:
            self._idle[connection.port].append(connection)

    def is_lost(self, connection: "_Connection") -> None:
        port = connection.port
        self._open[port] -= 1
        if self._queues[port]:
            self._open[port] += 1
            asyncio.get_running_loop().create_task(self._connect(port))

    def request(self, caller: Caller, number: int) -> tuple[str, bytes]:
        request_id = f"{caller.number}-{self._orders.prefix}-{number}"
        return request_id, (
            f"POST /v2/models/{caller.model}/infer HTTP/1.1\r\nHost: gateway\r\n"
            f"Authorization: Bearer {caller.token}\r\nX-Request-Id: {request_id}\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY

    def answered(self, request_id: str, sent_us: int, status: int, caller: Caller) -> None:
        self.in_flight -= 1
        self.lines.append(f"{request_id} {sent_us} {now_us()} {status}\n")
        if self._orders.lanes and not self.is_over:
            self.send(caller)


class _Connection(asyncio.Protocol):
    def __init__(self, client: _Client, port: int) -> None:
        self.port = port
        self.is_closed = False
        self._client = client
        self._transport: asyncio.Transport
        # Of the request under way.
        self._caller: Caller | None = None
        self._id = ""
        self._sent_us = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, caller: Caller, number: int) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._caller = caller
        self._id, data = self._client.request(caller, number)
        self._sent_us = now_us()
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        keeps = self._parser.should_keep_alive()
        self._settle(self._parser.get_status_code())
        if keeps:
            self._client.is_free(self)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self._settle(0)
        self._client.is_lost(self)

    def _settle(self, status: int) -> None:
        caller, self._caller = self._caller, None
        if caller is not None:
            self._client.answered(self._id, self._sent_us, status, caller)


def _schedule(orders: Orders) -> Iterator[tuple[float, Caller]]:
    """When who sends; the same in each run of the same orders."""
    chosen = random.Random(orders.prefix)
    for caller in orders.callers:
        step_s = caller.pulse_s or 1 / caller.wants_per_s
        at_once = round(caller.wants_per_s * step_s)
        # Whoever sends in pulses sends one in a short run, too.
        at_s = chosen.random() * max(orders.ramp_s, min(caller.pulse_s, orders.load_s / 2))
        while at_s < orders.load_s:
            yield from ((at_s, caller) for _ in range(at_once))
            at_s += step_s if caller.pulse_s else step_s * chosen.uniform(0.5, 1.5)


def main(orders_file: Path, file: Path) -> None:
    orders = msgspec.json.decode(orders_file.read_bytes(), type=Orders)
    client = _Client(orders)
    uvloop.run(client.run())
    file.write_text("".join(client.lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
