"""A worker that is late itself does not hold it against the store."""

import asyncio
import time

import pytest

from gateway.quotas.patience import within


async def _answer_after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "answer"


def _keep_busy(seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        pass


async def _asked_of_a_busy_worker() -> str:
    asyncio.get_running_loop().call_later(0.005, _keep_busy, 0.1)
    return await within(0.05, _answer_after(0.02))


def test_what_came_while_the_worker_was_busy_is_heard() -> None:
    assert asyncio.run(_asked_of_a_busy_worker()) == "answer"


def test_a_store_that_says_nothing_is_not_waited_for() -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(within(0.01, _answer_after(60)))
