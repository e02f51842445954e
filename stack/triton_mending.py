"""Loads a model again when the process that ran it is gone: Triton itself never does."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from stack.errors import TritonError
from stack.process import ManagedProcess
from stack.triton_client import TritonClient
from stack.triton_stubs import Stub, living_stubs

_LOOK_INTERVAL_S = 0.5
_LOAD_TIMEOUT_S = 120.0


async def mend_models(
    client: TritonClient,
    process: ManagedProcess,
    repository: Path,
    on_problem: Callable[[str], None],
) -> None:
    """Watch the stubs until cancelled.

    A crashed stub leaves its model READY and every request to it failing, for good. Other
    models are untouched meanwhile, and Triton needs no restart.
    """
    known: dict[int, Stub] = {}
    while True:
        await asyncio.sleep(_LOOK_INTERVAL_S)
        living = living_stubs(process.pid, repository) if process.pid else []
        lost = {known[gone].model for gone in known.keys() - {stub.pid for stub in living}}
        known = {stub.pid: stub for stub in living}
        if not lost or not await client.live():
            continue  # Nothing happened, or Triton itself is gone and its restart loads everything.
        for model in sorted(lost):
            try:
                await _mend(client, model, living, on_problem)
            except TritonError as error:
                on_problem(f"model {model} could not be loaded again: {error}")


async def _mend(
    client: TritonClient, model: str, living: list[Stub], on_problem: Callable[[str], None]
) -> None:
    versions = sum(
        entry["name"] == model and entry.get("state") == "READY" for entry in await client.index()
    )
    if versions == 0:
        return  # Unloaded on purpose: its stubs ended with it.
    config = await client.config(model)
    instances = sum(group["count"] for group in config["instance_group"])
    if Counter(stub.model for stub in living)[model] >= versions * instances:
        return  # Replaced on purpose: the stubs of the new instances are there already.
    on_problem(f"the process that runs model {model} is gone; loading the model again")
    await client.load_afresh(model, timeout_s=_LOAD_TIMEOUT_S)
    on_problem(f"model {model} serves again")
