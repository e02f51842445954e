"""Loads a model again when the process that ran it is gone: Triton itself never does."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.errors import ExportError
from exporters.publishing.staging import lock_model
from stack.errors import TritonError
from stack.process import ManagedProcess
from stack.process_supervisor import Backoff
from stack.triton_client import TritonClient
from stack.triton_stubs import ended_children, living_stubs

_LOOK_INTERVAL_S = 0.5
_LOAD_TIMEOUT_S = 120.0
_BACKOFF = Backoff(first_s=1.0, most_s=60.0)


@dataclass(frozen=True)
class Failure:
    """A model that could not be loaded again: how often in a row, and when to try next."""

    times: int
    next_at_s: float


class Mender:
    """Watches for crashed stubs and replaces them.

    A crashed stub leaves its model READY and every request to it failing, for good. Other
    models are untouched meanwhile, and Triton needs no restart.
    """

    def __init__(
        self,
        client: TritonClient,
        process: ManagedProcess,
        repository: Path,
        on_problem: Callable[[str], None],
        backoff: Backoff = _BACKOFF,
    ) -> None:
        self._client = client
        self._process = process
        self._repository = repository
        self._on_problem = on_problem
        self._backoff = backoff
        self._server_pid: int | None = None
        # Zombies of which it is known that no model misses them: Triton never collects them.
        self._settled: set[int] = set()
        self._failures: dict[str, Failure] = {}

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_INTERVAL_S)
            try:
                await self._look()
            except (TritonError, ExportError, OSError) as error:
                self._on_problem(f"models could not be mended: {error}")

    async def _look(self) -> None:
        pid = self._process.pid
        if pid != self._server_pid:
            # Another server: its start has loaded the models.
            self._server_pid, self._settled, self._failures = pid, set(), {}
        ended = ended_children(pid) if pid is not None else set()
        # While Triton is not live, its start or restart is what loads the models.
        if pid is None or self._nothing_new(ended) or not await self._client.live():
            return
        short = await self._models_short_of_stubs(pid)
        for model in short:
            self._failures.setdefault(model, Failure(0, 0.0))
        for model, failure in list(self._failures.items()):
            if failure.next_at_s <= _now_s():
                await self._mend_alone(model, pid)
        if not short:
            self._settled = ended

    def _nothing_new(self, ended: set[int]) -> bool:
        due = any(failure.next_at_s <= _now_s() for failure in self._failures.values())
        return ended <= self._settled and not due

    async def _models_short_of_stubs(self, server_pid: int) -> list[str]:
        """Models that are READY with fewer living stubs than versions times instances."""
        ready = [e["name"] for e in await self._client.index() if e.get("state") == "READY"]
        living = Counter(stub.model for stub in living_stubs(server_pid, self._repository))
        return [
            model
            for model, versions in Counter(ready).items()
            if living[model] < versions * _stubs_of(await self._client.config(model))
        ]

    async def _mend_alone(self, model: str, server_pid: int) -> None:
        """A version that is being put into service or dropped looks like a lost process."""
        lock = lock_model(self._repository, model)
        if lock is None:
            return
        try:
            first = self._failures[model].times == 0
            if first and model not in await self._models_short_of_stubs(server_pid):
                del self._failures[model]
            else:
                await self._mend(model, server_pid)
        finally:
            os.close(lock)

    async def _mend(self, model: str, server_pid: int) -> None:
        self._on_problem(f"a process that runs model {model} is gone; loading the model again")
        try:
            await self._client.load_afresh(model, timeout_s=_LOAD_TIMEOUT_S)
            if model in await self._models_short_of_stubs(server_pid):
                raise TritonError("its process was gone again at once")
        except TritonError as error:
            self._failed(model, error)
            return
        del self._failures[model]
        self._on_problem(f"model {model} serves again")

    def _failed(self, model: str, error: TritonError) -> None:
        times = self._failures[model].times + 1
        delay_s = self._backoff.delay_s(times)
        self._failures[model] = Failure(times, _now_s() + delay_s)
        self._on_problem(
            f"model {model} could not be loaded again: {error}. Trying again in {delay_s:g} s"
        )


def _stubs_of(config: dict[str, Any]) -> int:
    """How many a version of a model has: none if an ensemble or a C++ backend runs it."""
    if config.get("runtime") != "model.py" and config.get("backend") != "python":
        return 0
    groups = config.get("instance_group", ())
    return sum(group["count"] * max(1, len(group.get("gpus", ()))) for group in groups)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
