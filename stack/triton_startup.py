"""Waits until a started Triton serves or has loaded a model, and tells why it will not."""

import asyncio
from collections.abc import Awaitable, Callable

from stack.errors import EndedError, StartError, StubError
from stack.process import ManagedProcess
from stack.triton_client import TritonClient
from stack.triton_log import last_problems
from stack.triton_stubs import ended_children

_LOOK_INTERVAL_S = 0.05
_MARGIN_S = 10.0
# A stub that fails while its model loads is collected within about a second, with a reason. One
# that stays a zombie never got as far as talking to Triton, which then waits without end.
_STUB_SILENT_S = 4.0


async def until_live(process: ManagedProcess, client: TritonClient, *, timeout_s: float) -> None:
    """Return when Triton answers.

    Raises EndedError, StubError or StartError as soon as it cannot any more.
    """
    await _until(client.live, process, "it started", timeout_s=timeout_s)


async def until_loaded(
    process: ManagedProcess, client: TritonClient, model: str, *, timeout_s: float
) -> None:
    """Ask a live Triton for one more model; return when it is loaded, or refused with a reason.

    Raises as `until_live` does, where the model ends Triton or keeps it waiting for ever.
    """
    # Longer than we wait: a call that was given up is no outcome.
    loading = asyncio.create_task(client.load(model, timeout_s=timeout_s + _MARGIN_S))

    async def answered() -> bool:
        return loading.done() and await client.live()

    try:
        await _until(answered, process, f"it loaded model {model}", timeout_s=timeout_s)
    finally:
        loading.cancel()
        # Triton's refusal is also in its repository index, where the report finds it.
        await asyncio.gather(loading, return_exceptions=True)


async def _until(
    reached: Callable[[], Awaitable[bool]], process: ManagedProcess, doing: str, *, timeout_s: float
) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout_s
    ended_before = _ended_stubs(process)
    ended_since: dict[int, float] = {}
    while not await reached():
        if process.pid is None:
            raise EndedError(f"Triton ended while {doing}{_why(process)}")
        now = clock()
        if now > deadline:
            raise _late(process, doing, timeout_s)
        ended = _ended_stubs(process) - ended_before
        ended_since = {child: ended_since.get(child, now) for child in ended}
        if any(now - since > _STUB_SILENT_S for since in ended_since.values()):
            raise _silent_stub(process)
        await asyncio.sleep(_LOOK_INTERVAL_S)


def _ended_stubs(process: ManagedProcess) -> set[int]:
    return ended_children(process.pid) if process.pid is not None else set()


def _late(process: ManagedProcess, doing: str, timeout_s: float) -> StartError:
    return StartError(
        f"Triton was not done within {timeout_s:g} s (CONCH_TRITON_LOAD_TIMEOUT_S) while {doing}"
        f"{_why(process)}"
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
