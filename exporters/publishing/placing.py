"""Moves what was decided into a repository, so that a crash at any step can be finished later.

A decided model is a folder `<name>.decided` in the staging folder, with two parts: `version/`, its
next version, and `folder/`, the files of the model's folder. Either may be missing.
"""

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from exporters.errors import PublishError
from exporters.publishing.policy import (
    CONFIGS,
    CONTAINER_CONFIG,
    EMBEDDED_CONFIG,
    newest_served,
    with_served,
)
from exporters.publishing.staging import discard, staging_root, sync
from exporters.publishing.versions import OWN_CONFIG, next_version, published_versions, rejection

VERSION, FOLDER = "version", "folder"
# A staged model under this name is decided: it goes into place, if need be after a crash.
DECIDED = ".decided"


def put_in_place(staged: Path, repository: Path, name: str) -> int:
    """Decide a staged model and move it into place; its version. The repository is locked."""
    decided = staging_root(repository) / f"{name}{DECIDED}"
    os.rename(staged, decided)
    return _put_in_place(decided, repository)


def finish_decided(repository: Path) -> None:
    """Finish what a crash interrupted. The repository is locked."""
    for decided in sorted(staging_root(repository).glob(f"*{DECIDED}")):
        _put_in_place(decided, repository)


def configs_serving(source: Path, model: Path, version: int) -> dict[str, str]:
    """The configurations of `source`, such that `version` of the model is served.

    A model that serves several versions side by side gets those below that have the same
    configuration; one with another configuration cannot be served beside it.
    """
    texts = _configs(source, model)
    served = _beside(model, version, texts[_leading(texts)])
    return {path: with_served(text, served) for path, text in texts.items()}


def configs_keeping(source: Path, model: Path, versions: Sequence[int]) -> dict[str, str]:
    """The configurations of `source`, such that exactly these versions are served."""
    return {path: with_served(text, versions) for path, text in _configs(source, model).items()}


def write_configs(files: Path, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(text, encoding="utf-8")
        sync(files / path)


def _put_in_place(decided: Path, repository: Path) -> int:
    """Every step can be repeated, since what has been moved is no longer in `decided`."""
    folder = repository / decided.name.removesuffix(DECIDED)
    try:
        folder.mkdir(exist_ok=True)
        version = _place_version(decided, folder)
        sync(folder)
    except OSError:
        # One rename takes the decision back, so that no crash can leave half of it decided.
        discard(decided, repository)
        raise
    try:
        for path in _in_order_of_appearance(decided / FOLDER):
            _place_file(path, folder / path.relative_to(decided / FOLDER))
        sync(folder)
        sync(folder.parent)
    except OSError as error:
        raise PublishError(
            f"The configuration of '{folder.name}' is not wholly in place yet: {error}. Free the "
            "disk or correct the permissions; the next export, or the next start of the server, "
            "finishes it."
        ) from error
    shutil.rmtree(decided)
    return version


def _place_version(decided: Path, folder: Path) -> int:
    if not (decided / VERSION).is_dir():
        return next_version(folder.parent, folder.name) - 1
    while True:
        version = next_version(folder.parent, folder.name)
        if (decided / FOLDER).is_dir():
            own = decided / VERSION / OWN_CONFIG
            write_configs(decided / FOLDER, configs_serving(own, folder, version))
        try:
            os.rename(decided / VERSION, folder / str(version))
        except OSError as error:
            # Someone who does not know of the lock has copied a version in: take the next number.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return version


def _configs(source: Path, model: Path) -> dict[str, str]:
    texts = {path: _text(source, path) for path in CONFIGS if (source / path).is_file()}
    if texts and (model / EMBEDDED_CONFIG).is_file():
        # Without one of its own, the other version's would stay.
        texts.setdefault(EMBEDDED_CONFIG, texts[_leading(texts)])
    return texts


def _leading(texts: Mapping[str, str]) -> str:
    return CONTAINER_CONFIG if CONTAINER_CONFIG in texts else EMBEDDED_CONFIG


def _beside(model: Path, version: int, text: str) -> list[int]:
    fitting = [
        other
        for other in published_versions(model.parent, model.name)
        if other < version
        and _text(model / str(other) / OWN_CONFIG, CONTAINER_CONFIG) == text
        and not rejection(model.parent, model.name, other)
    ]
    return [*fitting, version][-newest_served(text) :]


def _text(folder: Path, path: str) -> str:
    file = folder / path
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _in_order_of_appearance(folder: Path) -> list[Path]:
    """What a configuration refers to comes before it, and config.pbtxt last of all."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: (path.name == CONTAINER_CONFIG, path.suffix == ".pbtxt"))


def _place_file(source: Path, target: Path) -> None:
    # An unchanged file keeps its time stamp: Triton reloads what looks newer.
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(exist_ok=True)
    # Triton also overlooks what is not newer than what it has read.
    os.utime(source)
    os.replace(source, target)
    sync(target.parent)
