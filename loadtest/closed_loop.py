"""A closed-loop generator: N connections, each sends its next request when the last is answered.

It speaks raw HTTP/1.1 through httptools, so that little of what it measures is itself. For
scenarios, users and reports use the Locust file; this one is for ratios between two servers.

    CONCH_API_KEY=ck_… python -m loadtest.closed_loop --url http://127.0.0.1:8080 --model mnist_mlp

The key comes from the environment: a command line is in the list of processes for all to read.
"""

import argparse
import asyncio
import json
import os
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

from loadtest.histogram import LatencyHistogram
from loadtest.infer_body import InferBody
from loadtest.results import Histogram
from loadtest.traffic import KEY_VARIABLE


@dataclass(frozen=True)
class Result:
    """What one run saw. Latencies are of answered requests, in milliseconds.

    `dropped` are the connections that ended before the run did, or whose last request was never
    answered; each counts as one request and one error.
    """

    requests: int
    errors: int
    dropped: int
    seconds: float
    p50_ms: float
    p99_ms: float
    service: Histogram
    """Latencies of good answers only."""

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return (self.requests - self.errors) / self.seconds


@dataclass
class _Tally:
    stop_at: float
    latencies_ms: list[float] = field(default_factory=list)
    service: LatencyHistogram = field(default_factory=LatencyHistogram)
    refused: int = 0
    dropped: int = 0


class _Connection(asyncio.Protocol):
    """Sends the same prepared request again and again until the tally's time is over."""

    def __init__(self, request: bytes, tally: _Tally) -> None:
        self._request = request
        self._tally = tally
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._sent_at = 0.0
        self._finished = False
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport has the methods of asyncio.Transport and is no subclass of it.
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        latency_s = now - self._sent_at
        self._tally.latencies_ms.append(latency_s * 1e3)
        if self._parser.get_status_code() == 200:
            self._tally.service.record(latency_s * 1e6)
        else:
            self._tally.refused += 1
        if now >= self._tally.stop_at:
            self._finished = True
        if self._finished or not self._parser.should_keep_alive():
            self._transport.close()
            return
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.dropped += not self._finished
        self.closed.set_result(None)

    def abort(self) -> None:
        """End the connection at once; what it still waits for is lost."""
        self._transport.abort()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)


async def closed_loop(
    url: str,
    path: str,
    body: InferBody,
    *,
    connections: int,
    seconds: float,
    key: str | None,
    patience_s: float = 10.0,
) -> Result:
    """Run the load and return what it saw. Raises OSError when the server cannot be reached."""
    where = urlsplit(url)
    request = _request_bytes(where.netloc, path, body, key)
    assert where.hostname is not None and where.port is not None, "the URL names host and port"
    started = time.perf_counter()
    tally = _Tally(stop_at=started + seconds)
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(
            lambda: _Connection(request, tally), where.hostname, where.port
        )
        for _ in range(connections)
    ]
    waiting = [protocol.closed for _, protocol in pairs]
    await asyncio.wait(waiting, timeout=seconds + patience_s)
    for _, protocol in pairs:
        protocol.abort()
    await asyncio.wait(waiting)
    elapsed = time.perf_counter() - started
    ordered = sorted(tally.latencies_ms) or [0.0]
    return Result(
        requests=len(tally.latencies_ms) + tally.dropped,
        errors=tally.refused + tally.dropped,
        dropped=tally.dropped,
        seconds=elapsed,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[int(len(ordered) * 0.99)],
        service=tally.service.frozen(),
    )


def _request_bytes(host: str, path: str, body: InferBody, key: str | None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body.content)}"]
    lines += [f"{name}: {value}" for name, value in body.headers.items()]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode() + body.content


def _metadata_body(url: str, model: str, key: str | None, batch: int) -> InferBody:
    from loadtest.bodies import infer_body  # needs numpy, which sending does not

    request = urllib.request.Request(f"{url}/v2/models/{model}")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return infer_body(json.load(answer), batch=batch, seed=0)


def main() -> None:
    """Command line of the generator; prints the result as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--model", default="mnist_mlp")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=1)
    given = parser.parse_args()
    key = os.environ.get(KEY_VARIABLE)
    body = _metadata_body(given.url, given.model, key, given.batch)
    run = closed_loop(
        given.url,
        f"/v2/models/{given.model}/infer",
        body,
        connections=given.connections,
        seconds=given.seconds,
        key=key,
    )
    result = uvloop.run(run)
    if result.requests == result.dropped:
        sys.exit(f"{given.url} answered nothing in {result.seconds:.1f} s.")
    shown = {name: value for name, value in asdict(result).items() if name != "service"}
    print(json.dumps({**shown, "per_second": result.per_second}))


if __name__ == "__main__":
    main()
