"""Memory over very many requests: what is kept of each must be nothing."""

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import httptools

from gateway import keys
from tests.gateway.differential.bodies import echo
from tests.gateway.long_runs.parts import gateway_before_fake_server, resident_bytes

CONNECTIONS = 32
# One request in so many is of a kind that was never sent before.
ODD_EVERY = 10
# More than the worker remembers of refused tokens and of paths.
FILLING = 16_000
# Of `mixed_requests`: what is let through, unknown keys, what there is not, and unknown keys of
# one address once there were too many.
EXPECTED = frozenset({200, 401, 404, 429})
# Those of known keys for what there is: nearly all.
MIN_SHARE_OF_200 = 0.9


@dataclass(frozen=True)
class Memory:
    """What the worker took in RAM after each part of the run, and what it answered."""

    before_bytes: int
    after_bytes: list[int]
    statuses: Counter[int]

    @property
    def growth_bytes(self) -> int:
        """How much more it took at its most than after the first part."""
        return max(self.after_bytes) - self.after_bytes[0]


def steady(
    parts: int, requests_a_part: int, *, filling: int, report: Callable[[str], None]
) -> Memory:
    """Send `filling` requests to fill caches, then parts; look at the memory after each."""
    with gateway_before_fake_server() as gateway:
        token = gateway.new_key().token
        asyncio.run(hammer(gateway.port, fill_caches(token), filling))
        requests = mixed_requests(token)
        before, after = resident_bytes(gateway.pid), list[int]()
        statuses: Counter[int] = Counter()
        for part in range(parts):
            statuses += asyncio.run(hammer(gateway.port, requests, requests_a_part))
            after.append(resident_bytes(gateway.pid))
            report(f"{(part + 1) * requests_a_part:>9,} requests {after[-1] / 2**20:8.2f} MiB")
    return Memory(before, after, statuses)


def unexpected(statuses: Counter[int]) -> dict[int, int]:
    """What should not be among the answers, and the 200s if they are too few."""
    wrong = {status: count for status, count in statuses.items() if status not in EXPECTED}
    if statuses[200] < MIN_SHARE_OF_200 * statuses.total():
        wrong[200] = statuses[200]
    return wrong


def mixed_requests(token: str) -> Iterator[bytes]:
    """Inferences, and among them keys, paths and models that are new each time."""
    chosen = random.Random(9)
    usual = echo(binary=True).case("").wire("gateway", token)
    for number in itertools.count():
        if number % ODD_EVERY:
            yield usual
            continue
        name = f"{os.getpid()}-{number}"
        yield chosen.choice(
            (
                _get("/v2", keys.generate().token),
                _get(f"/v2/models/{name}", token),
                _get(f"/nowhere/{name}", token),
                _get("/v2/models/echo", token, f"X-Request-Id: {name}\r\n"),
                _get("/v2/models/echo", token, f"X-{name}: a\r\n"),
            )
        )


def fill_caches(token: str) -> Iterator[bytes]:
    """What the worker remembers up to a limit, until it has reached the limits."""
    for number in itertools.count():
        yield _get(
            f"/v2/models/filling-{number}", token if number % 3 == 0 else keys.generate().token
        )


def _get(path: str, token: str, fields: str = "") -> bytes:
    credential = f"Authorization: Bearer {token}\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: gateway\r\n{credential}{fields}\r\n".encode()


async def hammer(port: int, requests: Iterator[bytes], count: int) -> Counter[int]:
    """So many requests over a few connections, each sent when the last is answered."""
    statuses: Counter[int] = Counter()
    ahead = itertools.islice(requests, count)
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: _Client(ahead, statuses), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(client.done for client in clients))
    return statuses


class _Client(asyncio.Protocol):
    """One connection; it must be kept through all kinds of requests."""

    def __init__(self, ahead: Iterator[bytes], statuses: Counter[int]) -> None:
        self._ahead = ahead
        self._statuses = statuses
        self._transport: asyncio.Transport
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._statuses[self._parser.get_status_code()] += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"the gateway closed a connection: {exc}"))

    def _send(self) -> None:
        request = next(self._ahead, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
