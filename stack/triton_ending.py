"""Ends Triton: requests in flight are answered first, but nobody waits for models to unload."""

import asyncio
import signal

from stack.process import ManagedProcess

# Triton's log line after the last answer. What it does then is unload the models, which takes
# each Python process seconds, and for ever where a process had crashed.
_DRAINED = "All models are stopped, unloading models"
# For the finalize() of a user's own Python model.
_UNLOAD_S = 1.0
# Past Triton's own wait, so that the end is Triton's wherever it keeps its time.
_MARGIN_S = 5.0
_LOOK_INTERVAL_S = 0.05


async def end_triton(process: ManagedProcess, *, drain_s: float) -> None:
    """SIGTERM, on which Triton drains for at most `drain_s`; then SIGKILL for what is left."""
    if process.pid is not None:
        await _drain(process, drain_s + _MARGIN_S)
    await process.end_now()


async def _drain(process: ManagedProcess, timeout_s: float) -> None:
    clock = asyncio.get_running_loop().time
    position = process.log_path.stat().st_size if process.log_path.exists() else 0
    process.signal(signal.SIGTERM)
    deadline = clock() + timeout_s
    drained = False
    while process.pid is not None and clock() < deadline:
        if not drained and _DRAINED in process.log_since(position):
            drained = True
            deadline = clock() + _UNLOAD_S
        await asyncio.sleep(_LOOK_INTERVAL_S)
