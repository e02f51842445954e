"""Waiting for the store by time in which this worker could have heard it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

# An event loop that is late finds a timer due and an answer there in the same turn, and a plain
# timeout would drop the answer: a busy worker would take the store for away, and make it worse.
_STEPS = 8

T = TypeVar("T")


async def within(seconds: float, asking: Coroutine[Any, Any, T]) -> T:
    """What it returns; raises TimeoutError after so long, and some turns of the event loop."""
    task = asyncio.create_task(asking)
    try:
        for _ in range(_STEPS):
            await asyncio.wait([task], timeout=seconds / _STEPS)
            if task.done():
                return task.result()
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
