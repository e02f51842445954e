"""Writes tuned values as the model's next version, which `conch rollback` leads back from."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporters.manifest import FILENAME, Manifest, read_manifest, record_files, write_manifest
from exporters.publishing.policy import CONFIGS, with_served
from exporters.publishing.staging import staged
from exporters.publishing.versions import OWN_CONFIG, REJECTED, VERSION_PATTERN, served_versions
from exporters.repository import FOLDER, VERSION, publish
from stack.errors import TuningError
from stack.tuning.configuration import Configuration, config_path, configuration_of
from stack.tuning.values import Values

_NOT_OF_ARTEFACT = (OWN_CONFIG, REJECTED, "__pycache__")


def publish_tuned(
    repository: Path,
    name: str,
    version: int,
    values: Values,
    *,
    embedded: bool,
    evidence: dict[str, Any],
) -> int:
    """The same artefact under the next number, with its configuration changed; that number.

    Where the model is served, the new version waits for a server to load it.
    """
    folder = repository / name
    with staged(repository, name) as directory:
        shutil.copytree(
            folder / str(version),
            directory / VERSION,
            ignore=shutil.ignore_patterns(*_NOT_OF_ARTEFACT),
        )
        _require_same_bytes(folder / str(version), directory / VERSION)
        for path in folder.iterdir():
            if path.is_dir() and not VERSION_PATTERN.fullmatch(path.name):
                shutil.copytree(path, directory / FOLDER / path.name)
            elif path.is_file():
                (directory / FOLDER).mkdir(exist_ok=True)
                shutil.copy2(path, directory / FOLDER)
        _restore_policies(folder / str(version) / OWN_CONFIG, directory / FOLDER)
        tuned = configuration_of(directory / FOLDER, embedded=embedded).with_values(values)
        target = directory / FOLDER / config_path(embedded=embedded)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(tuned.text, encoding="utf-8")
        if (directory / VERSION / FILENAME).is_file():
            manifest = read_manifest(directory / VERSION)
            write_manifest(directory / VERSION, _noted(manifest, version, values, evidence))
        return publish(directory, repository, name, serve=False)


def require_unchanged(repository: Path, name: str, version: int, shipped: Configuration) -> None:
    """What was measured is still what is served."""
    now = max(served_versions(repository, name), default=0)
    if now != version or configuration_of(repository / name, embedded=shipped.embedded) != shipped:
        raise TuningError(
            f"'{name}' was changed while it was tuned: it serves version {now} now, with "
            "another artefact or configuration than was measured. Nothing was written; tune it "
            "again."
        )


def manifest_of(version: Path) -> Manifest | None:
    """None for a version that was copied in without one, or with one that cannot be read."""
    try:
        return read_manifest(version)
    except (OSError, ValueError):
        return None


def _restore_policies(own: Path, folder: Path) -> None:
    """What is served names its versions; what is published says how many of them it wants."""
    for path in CONFIGS:
        if not (own / path).is_file() or not (folder / path).is_file():
            continue
        text = (own / path).read_text(encoding="utf-8")
        # One that was edited by hand since then is not the version's own any more.
        if with_served(text, [1]) == with_served((folder / path).read_text(encoding="utf-8"), [1]):
            (folder / path).write_text(text, encoding="utf-8")


def _require_same_bytes(before: Path, after: Path) -> None:
    def hashes(folder: Path) -> dict[str, str]:
        ignored = set(_NOT_OF_ARTEFACT)
        return {
            record.path: record.sha256
            for record in record_files(folder, "")
            if not ignored.intersection(Path(record.path).parts)
        }

    if hashes(before) != hashes(after):
        raise TuningError(f"{before} changed while it was copied. Nothing was written; try again.")


def _noted(manifest: Manifest, version: int, values: Values, evidence: dict[str, Any]) -> Manifest:
    return manifest.model_copy(
        update={
            "max_batch_size": values.max_batch,
            "details": {**manifest.details, "tuning": {"from_version": version, **evidence}},
            "notes": (*manifest.notes, f"The artefact of version {version}, tuned: {values}."),
            "created": datetime.now(UTC),
        }
    )
