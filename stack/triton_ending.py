"""Ends Triton: requests in flight are answered first, but nobody waits for the dead."""

import asyncio
import signal

from stack.process import ManagedProcess
from stack.triton_stubs import ended_children

# Past Triton's own wait for requests in flight: unloading the models.
_UNLOAD_S = 10.0
_LOOK_INTERVAL_S = 0.1


async def end_triton(process: ManagedProcess, *, drain_s: float) -> None:
    """SIGTERM, on which Triton drains; SIGKILL past its time, or when only crashed stubs hold it.

    Triton waits its whole exit timeout for a model whose stub crashed, so that wait is cut short
    once the server is the last living process of its group: then no request can be in flight.
    """
    if process.pid is None:
        await process.end_now()
        return
    loop = asyncio.get_running_loop()
    deadline = loop.time() + drain_s + _UNLOAD_S
    process.signal(signal.SIGTERM)
    while (pid := process.pid) is not None and loop.time() < deadline:
        if process.members() == [pid] and ended_children(pid):
            break
        await asyncio.sleep(_LOOK_INTERVAL_S)
    await process.end_now()
