"""Loads a model again when the process that ran it is gone: Triton itself never does."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from stack.errors import TritonError
from stack.process import ManagedProcess
from stack.triton_client import TritonClient
from stack.triton_stubs import ended_children, living_stubs

_LOOK_INTERVAL_S = 0.5
_LOAD_TIMEOUT_S = 120.0


async def mend_models(
    client: TritonClient,
    process: ManagedProcess,
    repository: Path,
    on_problem: Callable[[str], None],
) -> None:
    """Watch for crashed stubs until cancelled.

    A crashed stub leaves its model READY and every request to it failing, for good. Other
    models are untouched meanwhile, and Triton needs no restart.
    """
    seen: set[int] = set()
    while True:
        await asyncio.sleep(_LOOK_INTERVAL_S)
        pid = process.pid
        ended = ended_children(pid) if pid is not None else set()
        # While Triton is not live, its start or restart is what loads the models.
        if pid is None or ended <= seen or not await client.live():
            continue
        seen = ended
        try:
            for model in await _models_short_of_stubs(client, pid, repository):
                await _mend(client, model, on_problem)
        except TritonError as error:
            on_problem(f"models could not be mended: {error}")


async def _models_short_of_stubs(
    client: TritonClient, server_pid: int, repository: Path
) -> list[str]:
    """Models that are READY with fewer living stubs than versions times instances."""
    ready = [entry["name"] for entry in await client.index() if entry.get("state") == "READY"]
    living = Counter(stub.model for stub in living_stubs(server_pid, repository))
    short = []
    for model, versions in Counter(ready).items():
        config = await client.config(model)
        instances = sum(group["count"] for group in config.get("instance_group", ()))
        # Only what Python runs has stubs: an ensemble or a C++ backend has none to lose.
        if config.get("runtime") == "model.py" and living[model] < versions * instances:
            short.append(model)
    return short


async def _mend(client: TritonClient, model: str, on_problem: Callable[[str], None]) -> None:
    on_problem(f"a process that runs model {model} is gone; loading the model again")
    try:
        await client.load_afresh(model, timeout_s=_LOAD_TIMEOUT_S)
    except TritonError as error:
        on_problem(f"model {model} could not be loaded again: {error}")
        return
    on_problem(f"model {model} serves again")
