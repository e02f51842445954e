"""What hedging does for clients where one of two Tritons is slow now and then."""

import asyncio
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.conftest import running_gateway
from tests.gateway.helpers import INFER, RawClient, post
from tests.gateway.long_runs.parts import running_upstream
from tests.gateway.processes import PATIENCE_S

_UNEVEN = "tests.gateway.long_runs.uneven_server"


@dataclass(frozen=True)
class Plan:
    """Both answer after `fast_s`, one of them every so manieth time after `slow_s`."""

    requests: int
    fast_s: float
    slow_s: float
    slow_every: int
    clients: int = 8


FULL = Plan(requests=20_000, fast_s=0.005, slow_s=0.2, slow_every=20)


@dataclass(frozen=True)
class Seen:
    """How long each request took its client, what it got, and what the Tritons were asked for."""

    seconds: list[float]
    statuses: Counter[int]
    inferences: int

    def percentile_ms(self, percent: float) -> float:
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]

    def __str__(self) -> str:
        times = ", ".join(f"p{p:g} {self.percentile_ms(p):.1f} ms" for p in (50, 95, 99, 99.9))
        more = self.inferences / len(self.seconds) - 1
        return f"{times}; {more:+.1%} inferences; answers {dict(self.statuses)}"


def measure(plan: Plan, *, hedge_after_ms: int) -> Seen:
    """A real worker before two upstreams, with hedging after so long; 0: without."""
    with ExitStack() as stack:
        even, uneven = (
            stack.enter_context(running_upstream(_UNEVEN, plan.fast_s, plan.slow_s, slow_every))
            for slow_every in (0, plan.slow_every)
        )
        state_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gateway = stack.enter_context(
            running_gateway(
                even,
                state_dir,
                CONCH_TRITON_URLS=f"http://127.0.0.1:{even},http://127.0.0.1:{uneven}",
                CONCH_HEDGE_AFTER_MS=str(hedge_after_ms),
            )
        )
        asked = post(INFER, gateway.new_key().token, b'{"inputs":[]}')
        seconds, statuses = asyncio.run(_ask_all(gateway.port, asked, plan))
        return Seen(seconds, statuses, _inferences(even) + _inferences(uneven))


def _inferences(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/inferences", timeout=PATIENCE_S) as reply:
        return int(reply.read())


async def _ask_all(port: int, asked: bytes, plan: Plan) -> tuple[list[float], Counter[int]]:
    seconds: list[float] = []
    statuses: Counter[int] = Counter()
    ahead = iter(range(plan.requests))

    async def call() -> None:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        for _ in ahead:
            began_s = time.perf_counter()
            statuses[(await client.ask(asked)).status] += 1
            seconds.append(time.perf_counter() - began_s)
        client.close()

    await asyncio.gather(*(call() for _ in range(plan.clients)))
    return seconds, statuses
