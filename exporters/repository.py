"""Changes a model repository so that a reader, or a crash, sees the old state or the new one."""

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from exporters.errors import PublishError
from exporters.staging import repository_lock, staging_root, sync, sync_tree

# Triton ignores version folders with a leading zero.
VERSION_PATTERN = re.compile(r"[1-9][0-9]*")
# The two parts of a staged model: its next version, and the files of the model's folder.
VERSION, FOLDER = "version", "folder"
# A staged model under this name is decided: it goes into place, if need be after a crash.
DECIDED = ".decided"


def published_versions(repository: Path, name: str) -> list[int]:
    """`published_versions(Path("model_repository"), "mnist_mlp")` -> `[1, 2]`."""
    folder = repository / name
    if not folder.is_dir():
        return []
    return sorted(
        int(entry.name)
        for entry in folder.iterdir()
        if VERSION_PATTERN.fullmatch(entry.name) and entry.is_dir()
    )


def next_version(repository: Path, name: str) -> int:
    """The number that the next export of `name` gets."""
    return max(published_versions(repository, name), default=0) + 1


def publish(staged: Path, repository: Path, name: str) -> int:
    """Moves a staged model into place as its next version, and returns that version.

    `staged` holds `version/` (artefact and manifest) and `folder/` (config.pbtxt and the like).
    """
    try:
        sync_tree(staged)
        with repository_lock(repository):
            _finish_decided(repository)
            decided = staging_root(repository) / f"{name}{DECIDED}"
            os.rename(staged, decided)
            return _put_in_place(decided, repository / name)
    except OSError as error:
        raise PublishError(
            f"'{name}' was not published: {error}. {repository / name} serves what it served "
            "before. Free the disk or correct the permissions, and export again."
        ) from error


def recover(repository: Path) -> None:
    """Finishes what a crash interrupted; call it before a server reads the repository."""
    if not staging_root(repository).is_dir():
        return
    with repository_lock(repository):
        _finish_decided(repository)


def _finish_decided(repository: Path) -> None:
    for decided in sorted(staging_root(repository).glob(f"*{DECIDED}")):
        _put_in_place(decided, repository / decided.name.removesuffix(DECIDED))


def _put_in_place(decided: Path, folder: Path) -> int:
    """Every step can be repeated, since what has been moved is no longer in `decided`."""
    try:
        folder.mkdir(exist_ok=True)
        version = _place_version(decided, folder)
    except OSError:
        _withdraw(decided)
        raise
    try:
        for path in _in_order_of_appearance(decided / FOLDER):
            _place_file(path, folder / path.relative_to(decided / FOLDER))
        sync(folder)
        sync(folder.parent)
    except OSError as error:
        raise PublishError(
            f"Version {version} of '{folder.name}' is in place, but its configuration is not: "
            f"{error}. Free the disk or correct the permissions; the next export, or the next "
            "start of the server, finishes it."
        ) from error
    shutil.rmtree(decided)
    return version


def _withdraw(decided: Path) -> None:
    """One rename takes the decision back, so that no crash can leave half of it decided."""
    trash = Path(tempfile.mkdtemp(prefix="withdrawn-", dir=decided.parent))
    os.rename(decided, trash / decided.name)
    shutil.rmtree(trash)


def _place_version(decided: Path, folder: Path) -> int:
    if not (decided / VERSION).is_dir():
        return next_version(folder.parent, folder.name) - 1
    while True:
        version = next_version(folder.parent, folder.name)
        try:
            os.rename(decided / VERSION, folder / str(version))
        except OSError as error:
            # Someone who does not know of the lock has copied a version in: take the next number.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return version


def _in_order_of_appearance(folder: Path) -> list[Path]:
    """What a configuration refers to comes before it, and config.pbtxt last of all."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: (path.name == "config.pbtxt", path.suffix == ".pbtxt"))


def _place_file(source: Path, target: Path) -> None:
    # An unchanged file keeps its time stamp: Triton reloads what looks newer.
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(exist_ok=True)
    os.replace(source, target)
    sync(target.parent)
