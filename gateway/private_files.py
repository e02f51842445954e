"""Files of the state directory are read by their owner alone: hashes of keys, tenants, logs."""

import os
from pathlib import Path

_OTHERS = 0o077


def keep_files_private() -> None:
    """Have whatever this process makes from here on be its owner's alone."""
    os.umask(_OTHERS)


def make_private_folder(folder: Path) -> None:
    """Make the folder; one that is there is left as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_private_file(file: str | Path, flags: int = os.O_WRONLY) -> int:
    """Open the file, made if it is not there; also the `opener` of `open`."""
    return os.open(file, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
