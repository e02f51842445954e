"""Ends what an earlier run left behind, if it can be proven to be its own."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from stack.errors import ProcessError
from stack.process_identity import ProcessIdentity, located, owned_members

# After a SIGTERM an orphan may finish its requests; nobody waits for their answers any more.
_GRACE_S = 2.0
_KILL_TIMEOUT_S = 10.0
_LOOK_INTERVAL_S = 0.02


def orphans(state_dir: Path) -> list[int]:
    """Living processes that a run which is over left; the caller knows that none runs now."""
    records = sorted(process_files(state_dir).glob("*.json"))
    recorded = filter(None, map(ProcessIdentity.read, records))
    return [pid for found in filter(None, map(located, recorded)) for pid in owned_members(found)]


def process_files(state_dir: Path) -> Path:
    """The folder in which each child is recorded."""
    return state_dir / "processes"


async def end_orphan(identity_path: Path) -> None:
    """End the group recorded in the file: its leader is asked first, then the group is killed."""
    recorded = ProcessIdentity.read(identity_path)
    if recorded is None:
        return
    identity = located(recorded)
    if identity is not None:
        await _end_orphan_group(identity)
    identity_path.unlink(missing_ok=True)


async def _end_orphan_group(identity: ProcessIdentity) -> None:
    if identity.pid in owned_members(identity):
        _send(identity.pid, signal.SIGTERM)
        await _emptied(identity, _GRACE_S)
    await end_group(identity)


async def end_group(identity: ProcessIdentity) -> None:
    """SIGKILL every member that is provably ours, until none is left."""
    for pid in owned_members(identity):
        _send(pid, signal.SIGKILL)
    if not await _emptied(identity, _KILL_TIMEOUT_S):
        left = ", ".join(str(pid) for pid in owned_members(identity))
        raise ProcessError(
            f"processes {left} do not end {_KILL_TIMEOUT_S:g} s after a SIGKILL, so they hang in "
            "the kernel; look at `dmesg`, and restart the machine if they stay."
        )


async def _emptied(identity: ProcessIdentity, timeout_s: float) -> bool:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while owned_members(identity):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(_LOOK_INTERVAL_S)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
