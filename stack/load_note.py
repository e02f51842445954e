"""What a command notes in a model's lock file about the version that it has Triton load.

The command may be killed, and Triton loads the version all the same; whoever looks next finds
that the two may differ.
"""

import os
from pathlib import Path

from exporters.publishing.staging import lock_model, lock_path

_LOADING = "loading"


def note_loading(lock: int) -> str:
    """Triton is about to be asked; what was noted before."""
    before = os.pread(lock, 1024, 0).decode()
    note(lock, _LOADING)
    return before


def note(lock: int, text: str) -> None:
    """Replace what is noted; `lock` is the descriptor that holds the model's lock."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)


def noted(repository: Path, name: str) -> str:
    """What is noted of a model; empty where nothing is."""
    try:
        return lock_path(repository, name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def was_interrupted(repository: Path, name: str) -> bool:
    """Whether a command that had Triton load a version did not come to its end."""
    if noted(repository, name) != _LOADING:
        return False
    lock = lock_model(repository, name)
    if lock is None:
        # It is still at it.
        return False
    os.close(lock)
    return noted(repository, name) == _LOADING
