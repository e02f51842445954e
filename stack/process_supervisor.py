"""Starts a process again when it ends by itself, waiting longer after each failure in a row."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stack.errors import StackError
from stack.process import ManagedProcess


@dataclass(frozen=True)
class Backoff:
    """Waits between restarts: doubling from `first_s`; a run of `healthy_s` starts over."""

    first_s: float = 0.1
    most_s: float = 10.0
    healthy_s: float = 30.0

    def delay_s(self, failures: int) -> float:
        """Wait before restart number `failures`, counted from 1.

        >>> [Backoff().delay_s(n) for n in (1, 2, 3, 20)]
        [0.1, 0.2, 0.4, 10.0]
        """
        return float(min(self.most_s, self.first_s * 2 ** min(failures - 1, 30)))


class Supervisor:
    """Keeps a started process running until it is ended on purpose: say `stopping()` first.

    `restart` does what a start needs beyond the process itself (ManagedProcess.start is enough
    for a plain one); it raises StackError when the start failed.
    """

    def __init__(
        self,
        process: ManagedProcess,
        *,
        restart: Callable[[], Awaitable[object]],
        on_problem: Callable[[str], None],
        backoff: Backoff | None = None,
    ) -> None:
        self._process = process
        self._restart = restart
        self._on_problem = on_problem
        self._backoff = backoff or Backoff()
        self._stopping = False

    async def run(self) -> None:
        """Watch the started process until cancelled, or until it ended after `stopping()`."""
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            started_at = clock()
            code = await self._process.wait()
            if self._stopping:
                return
            failures = 0 if clock() - started_at > self._backoff.healthy_s else failures
            self._on_problem(f"{self._process.command.name} ended ({_ending(code)})")
            failures = await self._start_again(failures)

    def stopping(self) -> None:
        """Say that the process is about to be ended on purpose."""
        self._stopping = True

    async def _start_again(self, failures: int) -> int:
        """Try until a start succeeds; the number of failures in a row, the first end included."""
        name = self._process.command.name
        while not self._stopping:
            failures += 1
            delay_s = self._backoff.delay_s(failures)
            self._on_problem(f"starting {name} again in {delay_s:g} s")
            await asyncio.sleep(delay_s)
            if await self._started():
                self._on_problem(f"{name} is running again")
                break
        return failures

    async def _started(self) -> bool:
        if self._stopping:
            return False
        try:
            # Also what a child that crashed had started.
            await self._process.end_now()
            await self._restart()
        except StackError as error:
            self._on_problem(str(error))
            return False
        return True


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
