"""The folder beside a repository where new versions are prepared: same file system, not watched."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporters.errors import PublishError


def staging_root(repository: Path) -> Path:
    """`models/` is staged in `.models.staging/` next to it."""
    repository = repository.resolve()
    return repository.parent / f".{repository.name}.staging"


@contextmanager
def staged(repository: Path, name: str) -> Iterator[Path]:
    """A fresh folder to prepare a version of `name` in; what is left of it goes at the end."""
    root = _prepare_root(repository)
    directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def repository_lock(repository: Path) -> Iterator[None]:
    """Held by one process at a time; the kernel frees it when that process dies."""
    with (_prepare_root(repository) / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sync_tree(directory: Path) -> None:
    """Everything below `directory` reaches the disk before any of it is renamed into place."""
    for path in (*directory.rglob("*"), directory):
        sync(path)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare_root(repository: Path) -> Path:
    root = staging_root(repository)
    try:
        repository.mkdir(parents=True, exist_ok=True)
        root.mkdir(exist_ok=True)
        # Ignored by git wherever the repository lies.
        (root / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise PublishError(
            f"{error.filename} cannot be written ({error.strerror}). A new version is prepared "
            f"beside {repository}, so both must be writable."
        ) from error
    if root.stat().st_dev != repository.stat().st_dev:
        raise PublishError(
            f"{repository} and {root} are on different file systems, so a version cannot be moved "
            "into place in one step. Mount the folder that holds the repository instead of the "
            "repository itself."
        )
    return root
