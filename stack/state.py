"""The state directory: who may use it, one `conch up` at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.private_files import make_private_file, make_private_folder
from stack.errors import AlreadyRunningError, StateDirectoryError

_RUNNING = "running"


@contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the state directory until the block ends; the kernel frees it even after a kill -9.

    Raises AlreadyRunningError with the pid of the holder, StateDirectoryError if it cannot be made.
    """
    try:
        make_private_folder(state_dir)
        descriptor = make_private_file(state_dir / "lock", os.O_RDWR)
        running = make_private_file(state_dir / _RUNNING, os.O_RDWR)
    except OSError as error:
        reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
        raise StateDirectoryError(
            f"The state directory {state_dir} cannot be used: {reason}. "
            "Name another with --state-dir or CONCH_STATE_DIR."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode() or "unknown"
        os.close(descriptor)
        os.close(running)
        raise AlreadyRunningError(
            f"A stack is already running on {state_dir} (process {holder}). Stop it with Ctrl-C "
            f"or `kill {holder}`, or give this one a --state-dir of its own."
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    # Waits for nobody but an `is_running` that looks at this moment.
    fcntl.flock(running, fcntl.LOCK_EX)
    os.ftruncate(running, 0)
    try:
        yield
    finally:
        os.close(running)
        os.close(descriptor)


def is_running(state_dir: Path) -> bool:
    """Whether a `conch up` holds this state directory now.

    To look takes a lock for a moment, so it is another one than that which a second `conch up`
    is refused by.
    """
    try:
        descriptor = os.open(state_dir / _RUNNING, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def note_triton(state_dir: Path, url: str) -> None:
    """Where this run's own Triton is, for commands that were not given the same flags."""
    (state_dir / _RUNNING).write_text(url, encoding="utf-8")


def own_triton_url(state_dir: Path) -> str | None:
    """Where the Triton of the `conch up` that runs here is; None where none does."""
    if not is_running(state_dir):
        return None
    return (state_dir / _RUNNING).read_text(encoding="utf-8") or None
