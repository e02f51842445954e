"""Waits until a started Triton serves, and tells why it will not."""

import asyncio

from stack.errors import StartError, StubError
from stack.process import ManagedProcess
from stack.triton_client import TritonClient
from stack.triton_log import last_problems
from stack.triton_stubs import ended_children

_LOOK_INTERVAL_S = 0.05
# A stub that fails while its model loads is collected within about a second, with a reason. One
# that stays a zombie never got as far as talking to Triton, which then waits without end.
_STUB_SILENT_S = 4.0


async def until_live(process: ManagedProcess, client: TritonClient, *, timeout_s: float) -> None:
    """Return when Triton answers; raise StartError or StubError as soon as it cannot any more."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout_s
    ended_since: dict[int, float] = {}
    while not await client.live():
        pid = process.pid
        if pid is None:
            raise _ended(process)
        if clock() > deadline:
            raise _late(process, timeout_s)
        now = clock()
        ended_since = {child: ended_since.get(child, now) for child in ended_children(pid)}
        if any(now - since > _STUB_SILENT_S for since in ended_since.values()):
            raise _silent_stub(process)
        await asyncio.sleep(_LOOK_INTERVAL_S)


def _ended(process: ManagedProcess) -> StartError:
    return StartError(f"Triton ended while it started{_why(process)}")


def _late(process: ManagedProcess, timeout_s: float) -> StartError:
    return StartError(
        f"Triton was not live within {timeout_s:g} s (CONCH_TRITON_LOAD_TIMEOUT_S){_why(process)}"
    )


def _silent_stub(process: ManagedProcess) -> StubError:
    return StubError(
        "The process that runs Python backends ended before it reported to Triton, which would "
        f"wait for it for ever, so Triton was ended{_why(process)}"
    )


def _why(process: ManagedProcess) -> str:
    problems = last_problems(process.log_since_start())
    said = f": {problems}" if problems else "; its log names no reason"
    return f"{said}. The whole log: {process.log_path}. `conch doctor` checks this machine."
