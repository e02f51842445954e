"""Checks later, or on another machine, that a published version is what was published."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.manifest import FILENAME, FileRecord, Manifest, read_manifest, sha256_of
from exporters.publishing.policy import CONFIGS, config_problem
from exporters.publishing.versions import OWN_CONFIG, REJECTED, model_config, require_version

# What appears in a version's folder after it was published, and what Python leaves there.
_NOT_PUBLISHED = {FILENAME, REJECTED, OWN_CONFIG, "__pycache__"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at, and what is wrong with it if it is not as published."""

    what: str
    ok: bool
    detail: str


def verify_files(repository: Path, name: str, version: int) -> list[Finding]:
    """Compares the files of a version with its manifest, and parses its configuration."""
    require_version(repository, name, version)
    folder = repository / name / str(version)
    return [*_files(folder), *_configurations(folder)]


def _files(folder: Path) -> Iterator[Finding]:
    manifest = _manifest(folder)
    if isinstance(manifest, Finding):
        yield manifest
        return
    for record in manifest.files:
        yield _file(folder, record)
    listed = {record.path for record in manifest.files}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        known = str(relative) in listed or _NOT_PUBLISHED.intersection(relative.parts)
        if path.is_file() and not known:
            yield Finding(str(relative), False, "is not in manifest.json: it came later")


def _manifest(folder: Path) -> Manifest | Finding:
    if not (folder / FILENAME).is_file():
        return Finding(FILENAME, False, "is missing: `conch export` and `conch add` write one")
    try:
        return read_manifest(folder)
    except ValueError as error:
        return Finding(FILENAME, False, f"cannot be read: {' '.join(str(error).split())}")


def _file(folder: Path, record: FileRecord) -> Finding:
    path = folder / record.path
    if not path.is_file():
        return Finding(record.path, False, "is missing")
    size_bytes = path.stat().st_size
    if size_bytes != record.size_bytes:
        detail = f"has {size_bytes:,} bytes where {record.size_bytes:,} were published"
        return Finding(record.path, False, detail)
    digest = sha256_of(path)
    if digest != record.sha256:
        detail = f"has the hash {digest[:12]}… where {record.sha256[:12]}… was published"
        return Finding(record.path, False, detail)
    return Finding(record.path, True, f"{size_bytes:,} bytes, sha256 {digest[:12]}…")


def _configurations(folder: Path) -> Iterator[Finding]:
    own = folder / OWN_CONFIG
    source = own if model_config(own) else folder.parent
    paths = [source / path for path in CONFIGS if (source / path).is_file()]
    if not paths:
        yield Finding("config.pbtxt", False, "is missing")
    for path in paths:
        problem = config_problem(path)
        yield Finding(str(path.relative_to(folder.parent)), problem is None, problem or "parses")
