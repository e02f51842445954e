"""The versions of a model in a repository: which there are, which is served, which was rejected."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from exporters.errors import PublishError
from exporters.publishing.policy import CONFIGS, served_by

# Triton ignores version folders with a leading zero.
VERSION_PATTERN = re.compile(r"[1-9][0-9]*")
REJECTED = "rejected.json"
# A version's own copy of the model's configuration: the next version may have another format.
OWN_CONFIG = "config"


class Rejection(BaseModel):
    """Why a server did not take a version."""

    model_config = ConfigDict(frozen=True)

    reason: str
    at: datetime


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


def served_versions(repository: Path, name: str) -> list[int]:
    """The versions that the model's configuration makes a server serve."""
    config = model_config(repository / name)
    if config is None:
        return []
    return served_by(config.read_text(encoding="utf-8"), published_versions(repository, name))


def model_config(folder: Path) -> Path | None:
    """The configuration that holds the version policy; both hold the same once publishing ends."""
    return next((folder / path for path in reversed(CONFIGS) if (folder / path).is_file()), None)


def reject(repository: Path, name: str, version: int, reason: str) -> None:
    """Note that a server refused a version, so that nothing tries it again by itself."""
    path = repository / name / str(version) / REJECTED
    if not path.parent.is_dir():
        return
    text = Rejection(reason=reason, at=datetime.now(UTC)).model_dump_json(indent=2)
    draft = path.with_suffix(".draft")
    draft.write_text(text + "\n", encoding="utf-8")
    os.replace(draft, path)


def accept(repository: Path, name: str, version: int) -> None:
    """Forget a rejection: a server has taken the version after all."""
    (repository / name / str(version) / REJECTED).unlink(missing_ok=True)


def rejection(repository: Path, name: str, version: int) -> Rejection | None:
    """Why a version was rejected; None where it was not, or where its files are newer."""
    path = repository / name / str(version) / REJECTED
    if not path.is_file():
        return None
    noted_at = path.stat().st_mtime_ns
    others = (other for other in path.parent.rglob("*") if other.is_file() and other != path)
    if any(other.stat().st_mtime_ns > noted_at for other in others):
        return None
    try:
        return Rejection.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError:
        at = datetime.fromtimestamp(noted_at / 1e9, UTC)
        return Rejection(reason=f"{path} cannot be read any more", at=at)


def version_before(repository: Path, name: str) -> int:
    """The version to go back to: the newest below the served one that was not rejected."""
    served = served_versions(repository, name)
    below = [
        version
        for version in published_versions(repository, name)
        if served and version < max(served) and not rejection(repository, name, version)
    ]
    if not below:
        raise PublishError(
            f"'{name}' has no version to go back to: it serves {_listed(served)}, and there is "
            f"none below that was not rejected. `conch versions {name}` lists what there is."
        )
    return below[-1]


def require_version(repository: Path, name: str, version: int) -> None:
    """Raise PublishError, with what there is, unless the version is in the repository."""
    published = published_versions(repository, name)
    if not (repository / name).is_dir():
        raise PublishError(f"There is no model '{name}' in {repository}.")
    if version not in published:
        raise PublishError(
            f"'{name}' has no version {version} in {repository}; it has {_listed(published)}."
        )


def _listed(versions: list[int]) -> str:
    return ", ".join(map(str, versions)) or "none"
