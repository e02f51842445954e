"""Completes a model's folder that was copied into the repository by hand, without configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

from exporters.add import Told, declared, described, tried
from exporters.errors import ExportError, PublishError, SpecError
from exporters.extras import extra
from exporters.flow import Exported
from exporters.formats import load_format
from exporters.manifest import FILENAME, write_manifest
from exporters.publishing.staging import staged, sync_tree
from exporters.publishing.versions import OWN_CONFIG, model_config, published_versions
from exporters.repository import serve
from exporters.stages import Report, Stage, StageClock


def complete_folder(
    name: str, told: Told, *, repository: Path, report: Report = lambda _: None
) -> Exported:
    """Writes what is missing in a model's folder that was copied into the repository by hand."""
    with extra("export"):
        from exporters.artefacts import read_artefact

    version = _version_to_complete(repository, name)
    found = read_artefact(_artefact_in(repository / name / str(version)))
    if found.format == "exported_program":
        raise SpecError(
            f"{found.path} is an exported program, which has to be compiled first. Move it out of "
            f"the repository and type: conch add FILE --name {name}"
        )
    artefact = found.path.parent / load_format(found.format).FILENAME
    if found.path != artefact:
        raise SpecError(
            f"Triton looks for {artefact.name} in a version's folder. Type: mv {found.path} "
            f"{artefact}"
        )
    spec = declared(found, name, told, f"conch add --complete {name}")
    clock = StageClock(report)
    with staged(repository, name) as directory:
        manifest, spec = tried(found, spec, told, artefact, directory, clock)
        write_manifest(directory, manifest)
        described(spec, found.format, directory / OWN_CONFIG, clock)
        with clock.run(Stage.PUBLISH):
            _into(artefact.parent, directory)
            serve(repository, name, version)
    return Exported(name, version, artefact.parent, manifest)


def _version_to_complete(repository: Path, name: str) -> int:
    if not (repository / name).is_dir():
        raise PublishError(f"There is no model '{name}' in {repository}.")
    if model_config(repository / name):
        raise PublishError(
            f"{repository / name} has a configuration already; what it says is not changed. Remove "
            "its config.pbtxt and configs/ to have them written anew."
        )
    versions = published_versions(repository, name)
    if not versions:
        raise PublishError(
            f"{repository / name} has no version. Triton looks for the model's file in a folder "
            f"that is called by a number: move it to {repository / name / '1'}."
        )
    return versions[-1]


def _artefact_in(folder: Path) -> Path:
    from exporters.artefacts import kind_of

    files = sorted(path for path in folder.iterdir() if path.is_file())
    refusals = []
    served = []
    for path in files:
        try:
            kind_of(path)
        except ExportError as error:
            refusals.append(str(error))
        else:
            served.append(path)
    if len(served) == 1:
        return served[0]
    if served:
        raise SpecError(
            f"{folder} holds {', '.join(path.name for path in served)}; leave the one that is to "
            "be served, with the files that it refers to."
        )
    raise SpecError(
        refusals[0] if refusals else f"{folder} is empty; copy the model's file into it."
    )


def _into(version: Path, directory: Path) -> None:
    """The manifest and the version's own configuration, each by one rename."""
    try:
        sync_tree(directory)
        shutil.rmtree(version / OWN_CONFIG, ignore_errors=True)
        (directory / OWN_CONFIG).rename(version / OWN_CONFIG)
        (directory / FILENAME).replace(version / FILENAME)
    except OSError as error:
        raise PublishError(
            f"{version} cannot be completed: {error}. Correct the permissions and try again."
        ) from error
