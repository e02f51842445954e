"""Where one can listen, and which process does: from /proc, as far as this user may look."""

import os
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any

from stack.process_identity import command_line

_LISTENING = "0A"


def port_holder(port: int, but_not: Collection[int] = ()) -> str | None:
    """`"process 812 (nginx)"`, `"another user's process"`, or None when the port is free.

    A port of the processes in `but_not` counts as free: they are about to be ended.
    """
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and _holds(int(entry), inodes):
            return None if int(entry) in but_not else called(int(entry))
    return "another user's process"


def listen_problem(host: str) -> str | None:
    """Why nothing can listen on this address or name; None where something can.

    >>> listen_problem("127.0.0.1"), listen_problem("203.0.113.1")
    (None, 'Cannot assign requested address')
    """
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        return getattr(error, "strerror", None) or f"it is no address ({error})"
    problems = [_bind_problem(family, address) for family, _, _, _, address in found]
    # A name may mean several addresses, of which one will do.
    return None if None in problems else problems[0]


def called(pid: int) -> str:
    """How a process is named to a person.

    >>> called(0)
    'process 0 (unknown)'
    """
    arguments = command_line(pid)
    return f"process {pid} ({Path(arguments[0]).name if arguments else 'unknown'})"


def _bind_problem(family: int, address: Any) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except OSError as error:
        return error.strerror
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds(pid: int, inodes: set[str]) -> bool:
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    wanted = {f"socket:[{inode}]" for inode in inodes}
    return any(_target(f"/proc/{pid}/fd/{number}") in wanted for number in descriptors)


def _target(descriptor: str) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""  # Closed since it was listed.
