"""What a Triton that was ended leaves in shared memory and in /tmp."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
# Where NVIDIA's Python backend unpacks the environment of a model, whatever TMPDIR says. It makes
# one for each backend, also for models without such an environment.
_TEMPORARY = Path("/tmp")
_ENVIRONMENT_FOLDERS = "python_env_??????"


def remove_shared_memory(prefix: str) -> None:
    """Delete the files in /dev/shm whose names start so; killed processes leave theirs."""
    for path in _SHARED_MEMORY.glob(f"{prefix}*"):
        path.unlink(missing_ok=True)


def environment_folders() -> set[Path]:
    """This user's folders for environments of models, of every Triton on this machine."""
    return {path for path in _TEMPORARY.glob(_ENVIRONMENT_FOLDERS) if _is_ours(path)}


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those that hold nothing; what holds something stays."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _is_ours(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.getuid()
    except OSError:
        return False  # Gone since it was listed.
