"""Files that are locked for as long as their process lives, however it ends.

The kernel gives a lock back with the process: who can lock another's file knows that it is dead,
and alone takes over what it left.
"""

import fcntl
import os
from pathlib import Path

from gateway.private_files import make_private_file, make_private_folder


def new_locked(path: Path, flags: int = os.O_WRONLY) -> int:
    """Make the file, empty and locked; raises OSError."""
    make_private_folder(path.parent)
    while True:
        file = make_private_file(path, flags)
        # Between the two calls somebody may have taken it for one that was left behind.
        if _lock_or_close(file):
            os.ftruncate(file, 0)
            return file


def lock(file: int) -> bool:
    """Whether the file is this process's now, and is still to be found under a name."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Who had it before may have removed it after it was opened here.
    return os.fstat(file).st_nlink > 0


def open_left(path: Path) -> int | None:
    """The file of a process that is dead, locked; None while it lives, or if the file is gone."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    return file if _lock_or_close(file) else None


def _lock_or_close(file: int) -> bool:
    is_locked = False
    try:
        is_locked = lock(file)
    finally:
        if not is_locked:
            os.close(file)
    return is_locked
