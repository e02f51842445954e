"""Processor time of servers on this machine, from /proc: who listens on a port, and all below it.

Of servers elsewhere, in containers of their own, or of another user nothing can be seen.
"""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LISTENING = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
# Listens in the place of a process that cannot be seen.
_STAND_INS = frozenset({"docker-proxy", "rootlessport"})


@dataclass(frozen=True)
class Server:
    """The processes of a server that listens on a port of this machine."""

    # Process id with its start, so that one that was started anew is another.
    processes: frozenset[tuple[int, int]]
    listeners: int  # sockets: as many as there are workers that share the port
    cpu_s: float  # of these processes and all their children, so far
    resident_bytes: int = 0  # of the same; what they share is counted for each


@dataclass(frozen=True)
class _Process:
    pid: int
    name: str
    parent: int
    start: int
    cpu_s: float
    resident_bytes: int


def look_at_server(url: str) -> Server | None:
    """Who listens on the port of this URL; None where it is not here, or cannot be seen."""
    where = urlsplit(url if "//" in url else f"//{url}")
    port = where.port or {"http": 80, "https": 443}.get(where.scheme)
    if port is None or where.hostname is None or not _is_here(where.hostname):
        return None
    sockets = [_listening(table, port) for table in _TABLES]
    inodes = set().union(*sockets)
    everything = {process.pid: process for process in _processes()}
    roots = {pid for pid in everything if _holds(pid, inodes)}
    if not roots or any(everything[pid].name in _STAND_INS for pid in roots):
        return None
    family = _with_children(roots, everything)
    return Server(
        processes=frozenset((pid, everything[pid].start) for pid in roots),
        listeners=max(map(len, sockets)),
        cpu_s=sum(process.cpu_s for process in family),
        resident_bytes=sum(process.resident_bytes for process in family),
    )


def machine_cpu_s() -> tuple[float, float]:
    """Seconds that the cores of this machine worked so far, and seconds that they had."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, idle, waiting, *interrupts, stolen = map(int, fields)
    # Time that a hypervisor took is neither idle nor ours to have.
    busy = user + nice + system + sum(interrupts) + stolen
    return busy / _TICKS_PER_S, (busy + idle + waiting) / _TICKS_PER_S


def _is_here(host: str) -> bool:
    """Whether it is the loopback, or an address that a socket of this machine can have."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


def _listening(table: str, port: int) -> set[str]:
    try:
        lines = Path(table).read_text().splitlines()[1:]
    except OSError:
        return set()
    rows = [line.split() for line in lines]
    return {
        row[9]
        for row in rows
        if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port
    }


def _holds(pid: int, inodes: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    try:
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            return any(_target(descriptor.path) in wanted for descriptor in descriptors)
    except OSError:
        return False


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # closed since it was listed


def _processes() -> Iterator[_Process]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, tail = stat.read_text(errors="replace").rpartition(")")
        except OSError:
            continue  # ended since it was listed
        fields = tail.split()
        yield _Process(
            pid=int(stat.parent.name),
            name=head.partition("(")[2],
            parent=int(fields[1]),
            start=int(fields[19]),
            # proc_pid_stat(5): utime, stime, and those of children that have ended.
            cpu_s=sum(map(int, fields[11:15])) / _TICKS_PER_S,
            resident_bytes=int(fields[21]) * _PAGE_BYTES,
        )


def _with_children(roots: set[int], everything: dict[int, _Process]) -> list[_Process]:
    members = set(roots)
    grown = True
    while grown:
        more = {p.pid for p in everything.values() if p.parent in members} - members
        members |= more
        grown = bool(more)
    return [everything[pid] for pid in members]
