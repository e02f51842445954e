"""A place for one worker: its listening sockets, which stay, and the worker on them, which may not.

While a worker is started again, what the kernel sends to its socket waits there and is not lost.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

import structlog

from gateway.listening import Listeners
from gateway.metrics_files import forget_process
from gateway.worker_process import WorkerProcess

START_TIMEOUT_S = 30.0
# A worker that has run this long did not fail at once.
HEALTHY_S = 30.0
MAX_FAILURES = 5
_FIRST_DELAY_S = 0.1
_MOST_DELAY_S = 10.0

_log = structlog.get_logger()


class Slot:
    """Keeps one worker on these sockets: another one at once, but later after several failures."""

    def __init__(
        self,
        number: int,
        listeners: Listeners,
        *,
        state_dir: Path,
        is_last: Callable[[], bool],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.is_open = True
        self._number = number
        self._listeners = listeners
        self._state_dir = state_dir
        self._is_last = is_last
        self._on_failure = on_failure
        self._serving: WorkerProcess | None = None
        # With those that are starting or retiring.
        self._workers: dict[WorkerProcess, asyncio.Task[None]] = {}
        self._restarts: set[asyncio.Task[None]] = set()
        # In a row.
        self._failures = 0
        self._ending = asyncio.Event()
        self._changing = asyncio.Lock()

    async def start(self) -> bool:
        """Start its first worker; whether it is ready. What it lacks it has said itself."""
        self._serving = await self._new_worker()
        return self._serving is not None

    async def replace(self) -> bool:
        """Start another worker, and retire the one before when it is ready; whether it came so."""
        async with self._changing:
            if not self.is_open:
                # Given up while this waited: the others have its clients.
                return True
            fresh = await self._new_worker()
            if fresh is None:
                return False
            before, self._serving = self._serving, fresh
            self._failures = 0
            if before is not None:
                before.retire()
            return True

    def end(self) -> None:
        """Tell all its workers to drain; the sockets are theirs alone from here on."""
        self._ending.set()
        self._close()
        for worker in self._workers:
            worker.signal(signal.SIGTERM)

    async def ended(self, timeout_s: float) -> None:
        """Wait for its workers, for so long at most; then kill."""
        tasks = {*self._workers.values(), *self._restarts}
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        for worker in self._workers:
            worker.signal(signal.SIGKILL)
        if tasks:
            await asyncio.wait(tasks)

    async def _new_worker(self) -> WorkerProcess | None:
        """A worker that answers clients; None if it did not come so far."""
        if self._ending.is_set():
            return None
        try:
            worker = await WorkerProcess.start(self._listeners)
        except OSError as error:  # no more processes or open files, say
            _log.error("worker_not_started", slot=self._number, error=str(error))
            return None
        self._workers[worker] = self._in_background(self._watch(worker))
        if self._ending.is_set():
            worker.signal(signal.SIGTERM)
        if await worker.is_ready(START_TIMEOUT_S) and not worker.is_leaving:
            return worker
        if not self._ending.is_set():
            worker.signal(signal.SIGKILL)
        return None

    async def _watch(self, worker: WorkerProcess) -> None:
        await worker.leaves()
        is_missed = worker is self._serving and not self._ending.is_set()
        if is_missed:
            self._failures = 0 if worker.age_s > HEALTHY_S else self._failures + 1
            restart = self._in_background(self._start_again(worker))
            self._restarts.add(restart)
            restart.add_done_callback(self._restarts.discard)
        ending = await worker.wait()
        del self._workers[worker]
        forget_process(self._state_dir, worker.pid)
        if is_missed:
            _log.error("worker_ended", slot=self._number, pid=worker.pid, ending=ending)

    async def _start_again(self, ended: WorkerProcess) -> None:
        async with self._changing:
            while self._serving is ended and not self._ending.is_set():
                if self._failures >= MAX_FAILURES and not self._is_last():
                    self._give_up()
                    return
                await self._pause()
                fresh = await self._new_worker()
                if fresh is None:
                    self._failures += 1
                    continue
                self._serving = fresh
                _log.info("worker_started_again", slot=self._number, pid=fresh.pid)

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task whose failure is heard of."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._hear)
        return task

    def _hear(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_failure(error)

    async def _pause(self) -> None:
        delay_s = pause_s(self._failures)
        if delay_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), delay_s)

    def _give_up(self) -> None:
        """Its share of the clients goes to the others, and does not wait for what never comes."""
        _log.error("slot_given_up", slot=self._number, failures=self._failures)
        self._close()

    def _close(self) -> None:
        self.is_open = False
        for listener in self._listeners:
            listener.close()


def pause_s(failures: int) -> float:
    """How long to wait before the next start, after so many failures in a row.

    >>> [pause_s(failures) for failures in (0, 1, 2, 3, 9, 10_000)]
    [0.0, 0.0, 0.1, 0.2, 10.0, 10.0]
    """
    if failures <= 1:
        return 0.0
    # Bounded before it is a number that no float holds.
    return float(min(_MOST_DELAY_S, _FIRST_DELAY_S * 2 ** min(failures - 2, 30)))
