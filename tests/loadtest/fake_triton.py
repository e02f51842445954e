"""A server in Triton's place whose service time is exact: one queue, one server, set batches.

It is a process of its own. Moments of a batch are planned, not measured: a machine that is late
in one answer is not late in the next because of it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import httptools
from gevent import ssl
from gevent.event import AsyncResult, Event
from gevent.server import StreamServer

from loadtest.alarm import Alarm

METADATA = {
    "name": "fake",
    "versions": ["1"],
    "platform": "fake",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}],
}


@contextmanager
def fake_triton(**options: Any) -> Iterator[str]:
    """Run it until the block ends; gives its URL. Options are those of the command line."""
    command = [sys.executable, "-m", "tests.loadtest.fake_triton"]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Queue:
    """First come, first served, in batches; a stall stops it for a while."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._service_s = given.service_ms / 1e3
        self._max_batch = given.max_batch
        self._stall = (given.stall_at_s, given.stall_at_s + given.stall_s)
        self._first_at = 0.0
        self._waiting: list[tuple[float, AsyncResult]] = []
        self._some = Event()
        self.batches: dict[int, int] = {}
        self.queue_s = self.compute_s = 0.0

    def serve(self) -> None:
        alarm, free_at = Alarm(), 0.0
        while True:
            self._some.wait()
            begins_at = self._after_stall(max(free_at, self._waiting[0][0]))
            # Whoever comes until then is in the batch too.
            alarm.wait_until(begins_at)
            batch, self._waiting = (
                self._waiting[: self._max_batch],
                self._waiting[self._max_batch :],
            )
            if not self._waiting:
                self._some.clear()
            free_at = begins_at + self._service_s
            alarm.wait_until(free_at)
            self._count(batch, begins_at)
            for _, result in batch:
                result.set()

    def wait_turn(self) -> None:
        result, now = AsyncResult(), time.monotonic()
        self._first_at = self._first_at or now
        self._waiting.append((now, result))
        self._some.set()
        result.get()

    def _after_stall(self, at: float) -> float:
        start, end = (self._first_at + after_s for after_s in self._stall)
        return end if start <= at < end else at

    def _count(self, batch: list[tuple[float, AsyncResult]], begins_at: float) -> None:
        self.batches[len(batch)] = self.batches.get(len(batch), 0) + 1
        self.queue_s += sum(begins_at - came_at for came_at, _ in batch)
        self.compute_s += self._service_s * len(batch)


class Share:
    """Says yes to an even share of the calls."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._calls = 0

    def __call__(self) -> bool:
        self._calls += 1
        return int(self._calls * self._share) > int((self._calls - 1) * self._share)


class Client:
    """One connection, request by request."""

    def __init__(self, sock: Any, server: "FakeTriton") -> None:
        self._sock = sock
        self._server = server
        self._path = b""
        self._whole = False
        self._parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_message_complete(self) -> None:
        self._whole = True

    def run(self) -> None:
        with self._sock:
            try:
                while data := self._sock.recv(1 << 16):
                    self._parser.feed_data(data)
                    if self._whole:
                        path, self._path, self._whole = self._path.decode(), b"", False
                        self._server.answer(path, self._sock)
            except OSError:
                return  # the client has gone


class FakeTriton:
    """What it answers to each path."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._queue = Queue(given)
        self._fails = Share(given.error_share)
        self._limits = Share(given.limited_share)
        self._count = {"success": 0, "fail": 0}
        gevent.spawn(self._queue.serve)

    def connected(self, sock: Any, _: object) -> None:
        Client(sock, self).run()

    def answer(self, path: str, sock: Any) -> None:
        if path.endswith("/infer"):
            self._infer(sock)
        elif path.endswith("/generate_stream"):
            self._stream(sock)
        elif path.endswith("/config"):
            _send(sock, 200, {"name": "fake", "max_batch_size": 64})
        elif path.endswith("/stats"):
            _send(sock, 200, self._statistics())
        elif path.startswith("/v2/models/absent"):
            _send(sock, 404, {"error": "unknown model"})
        else:
            _send(sock, 200, METADATA)

    def _infer(self, sock: Any) -> None:
        if self._limits():
            _send(sock, 429, {"error": "over the limit"})
        elif self._fails():
            self._count["fail"] += 1
            _send(sock, 503, {"error": "planted"})
        else:
            self._queue.wait_turn()
            self._count["success"] += 1
            _send(sock, 200, {"model_name": "fake", "outputs": []})

    def _stream(self, sock: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(self._given.events):
            self._queue.wait_turn()
            failed = number and self._fails()
            event = b'data: {"error":"planted"}\n\n' if failed else b'data: {"y":1}\n\n'
            sock.sendall(b"%x\r\n%s\r\n" % (len(event), event))
        sock.sendall(b"0\r\n\r\n")

    def _statistics(self) -> dict[str, Any]:
        done = sum(size * count for size, count in self._queue.batches.items())
        queue, compute = int(self._queue.queue_s * 1e9), int(self._queue.compute_s * 1e9)
        stats = {
            "success": {"count": self._count["success"], "ns": queue + compute},
            "fail": {"count": self._count["fail"], "ns": 0},
            "queue": {"count": done, "ns": queue},
            "compute_input": {"count": done, "ns": 0},
            "compute_infer": {"count": done, "ns": compute},
            "compute_output": {"count": done, "ns": 0},
        }
        sizes = [
            {
                "batch_size": size,
                "compute_input": {"count": count, "ns": 0},
                "compute_infer": {"count": count, "ns": count * self._given.service_ms * 1e6},
                "compute_output": {"count": count, "ns": 0},
            }
            for size, count in self._queue.batches.items()
        ]
        return {
            "model_stats": [
                {
                    "name": "fake",
                    "version": "1",
                    "inference_count": done,
                    "execution_count": sum(self._queue.batches.values()),
                    "inference_stats": stats,
                    "batch_stats": sizes,
                }
            ]
        }


def _send(sock: Any, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    sock.sendall(f"{head}\r\n\r\n".encode() + body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service-ms", type=float, default=0.0)
    parser.add_argument("--max-batch", type=int, default=1)
    parser.add_argument("--stall-at-s", type=float, default=0.0, help="after the first request")
    parser.add_argument("--stall-s", type=float, default=0.0)
    parser.add_argument("--error-share", type=float, default=0.0)
    parser.add_argument("--limited-share", type=float, default=0.0)
    parser.add_argument("--events", type=int, default=2, help="of a stream")
    parser.add_argument("--certificate", help="PEM with the key, for TLS")
    given = parser.parse_args()
    tls = {}
    if given.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(given.certificate)
        tls["ssl_context"] = context
    fake = FakeTriton(given)
    server = StreamServer(("127.0.0.1", 0), fake.connected, backlog=1024, **tls)
    server.start()
    scheme = "https" if tls else "http"
    print(
        f"{scheme}://localhost:{server.server_port}"
        if tls
        else f"{scheme}://127.0.0.1:{server.server_port}",
        flush=True,
    )
    server.serve_forever()


if __name__ == "__main__":
    main()
