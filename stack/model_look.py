"""What a model's folder looks like, to tell later what of it has changed."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporters.publishing.versions import OWN_CONFIG, REJECTED, VERSION_PATTERN
from stack.triton_models import is_safe_name

_NOTES = (OWN_CONFIG, REJECTED.split(".")[0])
# Python makes it when Triton loads a model's own Python file.
_CACHE = "__pycache__"
# Path below the model's folder, time stamp and size of each file.
Stamps = frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class Look:
    """A model's folder at one moment; what Conch notes about versions is no part of it."""

    shared: Stamps
    versions: Mapping[int, Stamps]

    def changed_versions(self, before: "Look") -> set[int]:
        """Versions that are new, or whose files are not what they were."""
        return {
            version
            for version, stamps in self.versions.items()
            if before.versions.get(version) != stamps
        }

    def of_versions(self, served: Collection[int]) -> "Look":
        """What of it these versions are made of."""
        kept = {version: self.versions[version] for version in served if version in self.versions}
        return Look(self.shared, kept)

    def fingerprint(self) -> str:
        """The same for the same look, also in another process."""
        stamps = [sorted(self.shared), *([v, sorted(s)] for v, s in sorted(self.versions.items()))]
        return hashlib.sha256(repr(stamps).encode()).hexdigest()


NOTHING = Look(frozenset(), {})


def look_at(folder: Path) -> Look:
    """`NOTHING` for a folder that is not there."""
    if not folder.is_dir():
        return NOTHING
    shared: set[tuple[str, int, int]] = set()
    versions: dict[int, Stamps] = {}
    for entry in folder.iterdir():
        if entry.is_dir() and VERSION_PATTERN.fullmatch(entry.name):
            versions[int(entry.name)] = frozenset(_stamps(entry, folder))
        elif entry.is_dir():
            shared.update(_stamps(entry, folder))
        else:
            shared.update(_stamp(entry, folder))
    return Look(frozenset(shared), versions)


def look_at_models(repository: Path) -> dict[str, Look]:
    """Every folder that Triton can be asked for, by name."""
    if not repository.is_dir():
        return {}
    names = [path.name for path in repository.iterdir() if is_safe_name(path.name)]
    return {name: look_at(repository / name) for name in names}


def _stamps(entry: Path, folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in entry.rglob("*"):
        parts = path.relative_to(entry).parts
        if parts[0].split(".")[0] not in _NOTES and _CACHE not in parts:
            yield from _stamp(path, folder)


def _stamp(path: Path, folder: Path) -> Iterator[tuple[str, int, int]]:
    try:
        found = path.stat()
    except FileNotFoundError:
        # It went while we looked; that is a change of its own, which is looked at next.
        return
    if path.is_file():
        # Below the folder: it may be looked at as ./models/small and as /srv/models/small.
        yield str(path.relative_to(folder)), found.st_mtime_ns, found.st_size
