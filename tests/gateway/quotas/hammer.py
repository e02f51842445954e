"""A worker that sends as fast as it may for some seconds, and logs when each was admitted."""

import asyncio
import os
import sys
import time
from pathlib import Path

from gateway.limits import Budget, Limit, Metric, Period
from gateway.quotas.decisions import Refusal, Reservation, Waiting
from gateway.quotas.open_redis import open_redis
from gateway.quotas.policies import Policies, Policy
from gateway.quotas.protocol import Store
from gateway.quotas.renewing import Renewing
from gateway.quotas.sqlite_store import SqliteStore
from gateway.rates import Rate
from tests.gateway.quotas.held import HeldInMemory

COSTS = (1, 1, 100, 10)
STRICT = Policies(rate=Policy.REFUSE)


async def hammer(
    store: Store, folder: Path, seconds: float, name: str, limits: tuple[Limit, ...]
) -> None:
    quotas = Renewing(store, STRICT, HeldInMemory(str(os.getpid())))
    quotas.start()
    with (folder / f"{name}.log").open("w", buffering=1) as log:

        def decided(outcome: Reservation | Refusal) -> None:
            if isinstance(outcome, Reservation):
                log.write(f"{outcome.at_ns}\n")

        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            allowance = quotas.holder.allowances.of(limits, "mnist")
            outcome = quotas.holder.admit(allowance, COSTS, decided)
            if not isinstance(outcome, Waiting):
                decided(outcome)
            await asyncio.sleep(0 if isinstance(outcome, Reservation) else 0.001)
        await quotas.close()


async def main(
    folder: str, seconds: str, name: str, amount: str, burst: str, budget: str, url: str = ""
) -> None:
    """With a URL the store is in Redis, else a file in the folder."""
    limits = (
        Limit("rate", "acme", None, "*", Metric.REQUESTS, Rate(int(amount), 1, int(burst))),
        Limit("month", "acme", None, "*", Metric.REQUESTS, Budget(int(budget), Period.MONTH)),
    )
    store = open_redis(url) if url else await SqliteStore.open(Path(folder) / "quotas.db")
    await hammer(store, Path(folder), float(seconds), name, limits)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
