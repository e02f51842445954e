"""Clients that write down what they got, and of which worker: the independent count."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.gateway.helpers import INFER, RawClient, post

MOST_SAMPLES = 8
# So that the gateway and its kills are what keeps two processors busy.
_PAUSE_S = 0.002
_REQUESTS_A_CONNECTION = 30


@dataclass(frozen=True)
class Got:
    """One answer."""

    at_s: float
    worker: str
    status: int
    samples: int
    size_bytes: int


@dataclass
class CountingLoad:
    """Each client sends inferences of random batches until `stop`."""

    port: int
    token: str
    clients: int = 8
    got: list[Got] = field(default_factory=list)
    # Samples and bytes of requests that were sent, and broke off before their answer was whole.
    unanswered: list[Got] = field(default_factory=list)
    _running: bool = True
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._client(seed)) for seed in range(self.clients)]

    async def stop(self) -> None:
        self._running = False
        await asyncio.gather(*self._tasks)

    def last_seconds_of(self, workers: set[str], seconds: float) -> list[Got]:
        """What these workers answered in their last seconds."""
        lasts: dict[str, float] = {}
        for got in self.got:
            lasts[got.worker] = max(got.at_s, lasts.get(got.worker, 0.0))
        return [
            got
            for got in self.got
            if got.worker in workers and got.at_s > lasts[got.worker] - seconds
        ]

    @property
    def workers(self) -> set[str]:
        return {got.worker for got in self.got}

    async def _client(self, seed: int) -> None:
        chosen = random.Random(seed)
        while self._running:
            try:
                connection = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            client = RawClient(*connection)
            await self._call(client, chosen)
            client.close()

    async def _call(self, client: RawClient, chosen: random.Random) -> None:
        # Then on another connection, so that every worker has clients again soon.
        for _ in range(_REQUESTS_A_CONNECTION):
            if not self._running:
                return
            samples = chosen.randint(1, MOST_SAMPLES)
            body = infer_body(samples)
            try:
                answer = await client.ask(post(INFER, self.token, body))
            except (OSError, EOFError):
                # An answer that came in part: as long as others at most.
                self.unanswered.append(Got(time.monotonic(), "", 0, samples, 2 * len(body) + 1000))
                return
            worker = answer.fields["x-request-id"].partition("-")[0]
            size_bytes = len(body) + len(answer.body)
            self.got.append(Got(time.monotonic(), worker, answer.status, samples, size_bytes))
            if answer.fields.get("connection") == "close":
                return
            await asyncio.sleep(_PAUSE_S)


def infer_body(samples: int) -> bytes:
    """For the model `echo`, in JSON."""
    tensor = {"name": "X", "datatype": "FP32", "shape": [samples, 4], "data": [0.5] * 4 * samples}
    return json.dumps({"inputs": [tensor]}).encode()


def sums(got: list[Got]) -> Counter[str]:
    """Requests, samples and bytes of these."""
    return Counter(
        requests=len(got),
        samples=sum(one.samples for one in got),
        size_bytes=sum(one.size_bytes for one in got),
    )
