"""Changes a model repository so that a reader, or a crash, sees the old state or the new one."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from exporters.errors import PublishError
from exporters.publishing.placing import (
    FOLDER,
    VERSION,
    configs_keeping,
    configs_serving,
    finish_decided,
    put_in_place,
    write_configs,
)
from exporters.publishing.staging import (
    discard,
    repository_lock,
    staged,
    staging_root,
    sweep,
    sync,
    sync_tree,
)
from exporters.publishing.versions import (
    OWN_CONFIG,
    VERSION_PATTERN,
    model_config,
    next_version,
    published_versions,
    require_version,
    served_versions,
)

__all__ = [
    "FOLDER",
    "VERSION",
    "config_source",
    "keep_serving",
    "next_version",
    "prune",
    "publish",
    "published_versions",
    "recover",
    "remove_model",
    "serve",
]


def publish(staged: Path, repository: Path, name: str, *, serve: bool = True) -> int:
    """Moves a staged model into place as its next version, and returns that version.

    `staged` holds `version/` (artefact and manifest) and `folder/` (config.pbtxt and the like).
    With `serve=False` a model that is served goes on serving what it serves: the version waits
    for a running server to prove that it loads.
    """
    try:
        shutil.copytree(staged / FOLDER, staged / VERSION / OWN_CONFIG)
        sync_tree(staged)
        with repository_lock(repository):
            finish_decided(repository)
            if not serve and served_versions(repository, name):
                discard(staged / FOLDER, repository)
            else:
                _keep_config_of_served(repository, name)
            return put_in_place(staged, repository, name)
    except OSError as error:
        raise PublishError(
            f"'{name}' was not published: {error}. {repository / name} serves what it served "
            "before. Free the disk or correct the permissions, and export again."
        ) from error


def serve(repository: Path, name: str, version: int) -> None:
    """Makes the model's configuration that of a version, which it then serves."""
    source = config_source(repository, name, version)
    with staged(repository, name) as directory:
        _copy_own(source, directory / FOLDER)
        texts = configs_serving(source, repository / name, version)
        write_configs(directory / FOLDER, texts)
        _replace_folder(directory, repository, name)


def keep_serving(repository: Path, name: str, versions: list[int]) -> None:
    """Takes a version that a server refused out of the policy, whatever put it there."""
    source = config_source(repository, name, max(versions))
    with staged(repository, name) as directory:
        _copy_own(source, directory / FOLDER)
        texts = configs_keeping(source, repository / name, versions)
        write_configs(directory / FOLDER, texts)
        _replace_folder(directory, repository, name)


def config_source(repository: Path, name: str, version: int) -> Path:
    """Where a version's configuration is: its own, or the model's for one without its own."""
    require_version(repository, name, version)
    own = repository / name / str(version) / OWN_CONFIG
    source = own if model_config(own) else repository / name
    if model_config(source) is None:
        raise PublishError(
            f"{source} holds no config.pbtxt, so nothing says how to serve '{name}'. Write one, or "
            "run `conch add` for the model's file."
        )
    return source


def prune(repository: Path, name: str, *, keep: int, in_use: Collection[int] = ()) -> list[int]:
    """Removes all but the newest `keep` versions and those served or in use; what was removed."""
    with repository_lock(repository):
        finish_decided(repository)
        published = published_versions(repository, name)
        # Always the newest, whose number no later version may get.
        stay = {*published[-max(keep, 1) :], *served_versions(repository, name), *in_use}
        gone = [version for version in published if version not in stay]
        for version in gone:
            discard(repository / name / str(version), repository)
        return gone


def remove_model(repository: Path, name: str) -> None:
    """Removes a model with all its versions."""
    with repository_lock(repository):
        finish_decided(repository)
        if not (repository / name).is_dir():
            raise PublishError(f"There is no model '{name}' in {repository}.")
        discard(repository / name, repository)
        sync(repository)


def recover(repository: Path) -> None:
    """Finishes what a crash interrupted; call it before a server reads the repository."""
    if not staging_root(repository).is_dir():
        return
    with repository_lock(repository):
        finish_decided(repository)
    sweep(repository)


def _copy_own(source: Path, files: Path) -> None:
    if source.name == OWN_CONFIG:
        shutil.copytree(source, files)


def _replace_folder(staged: Path, repository: Path, name: str) -> None:
    try:
        sync_tree(staged)
        with repository_lock(repository):
            finish_decided(repository)
            _keep_config_of_served(repository, name)
            put_in_place(staged, repository, name)
    except OSError as error:
        raise PublishError(
            f"The configuration of '{name}' was not changed: {error}. Free the disk or correct "
            "the permissions, and try again."
        ) from error


def _keep_config_of_served(repository: Path, name: str) -> None:
    """A version that was copied in by hand gets its own copy before another's takes its place."""
    folder = repository / name
    for version in served_versions(repository, name):
        own = folder / str(version) / OWN_CONFIG
        if own.exists():
            continue
        draft = own.with_name(f"{OWN_CONFIG}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for path in folder.iterdir():
            if path.is_file():
                shutil.copy2(path, draft)
            elif not VERSION_PATTERN.fullmatch(path.name):
                shutil.copytree(path, draft / path.name)
        sync_tree(draft)
        os.rename(draft, own)
