"""Which process is meant: read from /proc so that a reused process id is never mistaken."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_PROC = Path("/proc")
# Of an identity that was recorded before the process was started.
_NOT_YET = 0
_EXEC_LOOKS = 5
_EXEC_WAIT_S = 0.01
# Every process of a group inherits it, so members can be told apart when their leader is gone.
# The underscore keeps it out of the CONCH_ settings.
TOKEN_VARIABLE = "_CONCH_PROCESS_TOKEN"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process group started by us: its leader, and the token all its members carry."""

    pid: int
    start_ticks: int
    boot_id: str
    token: str

    def write(self, path: Path) -> None:
        """Record it; a reader sees the whole record or the one before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_suffix(".new")
        staged.write_text(json.dumps(asdict(self)))
        os.replace(staged, path)

    @classmethod
    def read(cls, path: Path) -> "ProcessIdentity | None":
        """What was recorded; None if nothing was, or nothing that makes sense."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class ProcessStat:
    """The fields of /proc/<pid>/stat that matter here."""

    pid: int
    state: str
    parent_pid: int
    group_id: int
    start_ticks: int

    @property
    def alive(self) -> bool:
        """False for a zombie: it ended, and only its parent has not looked yet."""
        return self.state not in "ZX"


def identify(pid: int, token: str) -> ProcessIdentity:
    """The identity of a child that was just started, and is its group's leader."""
    stat = read_stat(pid)
    return ProcessIdentity(
        pid=pid, start_ticks=stat.start_ticks if stat else 0, boot_id=boot_id(), token=token
    )


def intended(token: str) -> ProcessIdentity:
    """What is known of a child before it is started: a parent killed just then leaves this."""
    return ProcessIdentity(pid=_NOT_YET, start_ticks=0, boot_id=boot_id(), token=token)


def located(identity: ProcessIdentity) -> ProcessIdentity | None:
    """The identity with its process id, found by the token where none was recorded; else None."""
    if identity.pid != _NOT_YET:
        return identity
    for stat in all_processes():
        # Kernel threads have group 0; the children of a ManagedProcess lead a group of their own.
        if stat.group_id and stat.alive and _carries(stat.pid, identity.token):
            return identify(stat.group_id, identity.token)
    return None


def owned_members(identity: ProcessIdentity) -> list[int]:
    """Living processes of the recorded group that are provably ours; empty without proof.

    A leader with the recorded start time proves its whole group. Where the leader is gone, its
    process id may stand for a stranger, so each member must carry the token itself.
    """
    if identity.boot_id != boot_id():
        return []
    leader = read_stat(identity.pid)
    members = [stat.pid for stat in group_members(identity.pid) if stat.alive]
    if leader is not None and leader.start_ticks == identity.start_ticks:
        return members
    return [pid for pid in members if _carries(pid, identity.token)]


def group_members(group_id: int) -> Iterator[ProcessStat]:
    """Every process of a group, zombies included."""
    for stat in all_processes():
        if stat.group_id == group_id:
            yield stat


def all_processes() -> Iterator[ProcessStat]:
    """Every process of this machine that still exists when it is looked at."""
    for entry in os.listdir(_PROC):
        stat = read_stat(int(entry)) if entry.isdecimal() else None
        if stat is not None:
            yield stat


def read_stat(pid: int) -> ProcessStat | None:
    """The state of a process, or None if there is none with this id."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name, field 2, stands in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return ProcessStat(
        pid=pid,
        state=fields[0],
        parent_pid=int(fields[1]),
        group_id=int(fields[2]),
        start_ticks=int(fields[19]),
    )


def command_line(pid: int) -> list[str]:
    """Arguments of a process; empty for a zombie, or when it is gone."""
    try:
        text = (_PROC / str(pid) / "cmdline").read_text(errors="replace")
    except OSError:
        return []
    return text.rstrip("\0").split("\0") if text else []


def boot_id() -> str:
    """Different after every start of the machine: process ids of before mean nothing."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _carries(pid: int, token: str) -> bool:
    return f"{TOKEN_VARIABLE}={token}".encode() in _environment(pid).split(b"\0")


def _environment(pid: int) -> bytes:
    """Empty if the process is gone, or for a moment while it becomes another program (execve)."""
    for _ in range(_EXEC_LOOKS):
        try:
            found = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            return b""
        if found:
            return found
        time.sleep(_EXEC_WAIT_S)
    return b""
