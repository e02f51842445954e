"""The folder beside a repository where new versions are prepared: same file system, not watched."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporters.errors import PublishError

# Folders of this name belong to the process that holds a lock on them, and to nobody after it.
_IN_USE = ".staged"


def staging_root(repository: Path) -> Path:
    """`models/` is staged in `.models.staging/` next to it."""
    repository = repository.resolve()
    return repository.parent / f".{repository.name}.staging"


@contextmanager
def staged(repository: Path, name: str) -> Iterator[Path]:
    """A fresh folder to prepare a version of `name` in; what is left of it goes at the end."""
    with repository_lock(repository):
        _sweep(staging_root(repository))
        directory, descriptor = _new_folder(staging_root(repository), name)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def sweep(repository: Path) -> list[str]:
    """Remove what killed processes left here; the names of the folders that are gone."""
    if not staging_root(repository).is_dir():
        return []
    with repository_lock(repository):
        return _sweep(staging_root(repository))


def discard(path: Path, repository: Path) -> None:
    """Remove a folder of the repository or of the staging folder, at once for every reader.

    The caller holds the repository's lock.
    """
    trash, descriptor = _new_folder(staging_root(repository), "trash")
    try:
        os.rename(path, trash / path.name)
    finally:
        shutil.rmtree(trash, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def repository_lock(repository: Path) -> Iterator[None]:
    """Held by one process at a time; the kernel frees it when that process dies."""
    with (_prepare_root(repository) / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock_model(repository: Path, name: str) -> int | None:
    """The descriptor that holds a model's lock until it is closed; None while another does.

    Held while what a server runs of the model is changed, which takes as long as it loads.
    """
    _prepare_root(repository)
    descriptor = os.open(lock_path(repository, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def lock_path(repository: Path, name: str) -> Path:
    """The file of a model's lock; whoever holds it may also note something there."""
    return staging_root(repository) / f"{name}.lock"


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


def _new_folder(root: Path, name: str) -> tuple[Path, int]:
    """A folder and the descriptor that holds its lock.

    Made and swept under the repository's lock, so no sweep sees it before it is locked.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix=_IN_USE, dir=root))
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return directory, descriptor


def _sweep(root: Path) -> list[str]:
    return [path.name for path in sorted(root.glob(f"*{_IN_USE}")) if _removed(path)]


def _removed(directory: Path) -> bool:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        # Its owner has just finished.
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        shutil.rmtree(directory, ignore_errors=True)
        return not directory.exists()
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
