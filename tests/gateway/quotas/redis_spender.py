"""A process that spends a budget of 36,000 until nothing is left: `python -m ... URL HOLDER`.

It says that it is ready, and begins when its input ends.
"""

import asyncio
import sys

from gateway.limits import Budget, Period
from gateway.quotas.open_redis import open_redis
from tests.gateway.quotas.asks import ask_of, renewal_of

BUDGET = Budget(36_000, Period.MONTH)


async def spend_all(url: str, holder: str) -> int:
    """Units that it was granted, each of which it spends."""
    store = open_redis(url)
    spent = number = 0
    while True:
        number += 1
        ask = ask_of(BUDGET, granted=spent, spent=spent, needs=1, wants=1)
        (answer,) = await store.renew([renewal_of(ask, number=number, holder=holder, tenant="all")])
        assert answer is not None
        if answer.given[0].granted == spent:
            break
        spent = answer.given[0].granted
    await store.close()
    return spent


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.read()
    print(asyncio.run(spend_all(*sys.argv[1:])))
