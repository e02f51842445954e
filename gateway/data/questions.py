"""Questions that take time, asked once however many requests wait for the answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from gateway.errors import Overloaded

MAX_ASKED = 256
K = TypeVar("K")
T = TypeVar("T")


class Questions(Generic[K, T]):
    """Those being asked right now, by what they ask about."""

    def __init__(self) -> None:
        self._asked: dict[K, asyncio.Task[T]] = {}

    async def ask(self, about: K, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer to the question, or to the one about the same that is under way."""
        task = self._asked.get(about)
        if task is None:
            task = self._start(about, question)
        # A client that leaves must not end the question that others wait for.
        return await asyncio.shield(task)

    def _start(self, about: K, question: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        if len(self._asked) >= MAX_ASKED:
            raise Overloaded(f"{MAX_ASKED} keys are being looked up already; try again.")
        task = asyncio.get_running_loop().create_task(question())
        self._asked[about] = task
        task.add_done_callback(lambda _: self._forget(about))
        return task

    def _forget(self, about: K) -> None:
        task = self._asked.pop(about)
        # Marks a failure as seen: every client that waited for it may have left.
        if not task.cancelled():
            task.exception()
