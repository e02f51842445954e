"""Publishes a finished file: read, asked about, tried out, described, and versioned."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporters.candidate import Wanted
from exporters.declaring.sample_files import read_labels
from exporters.describing.wire import wire_interface
from exporters.errors import PublishError, SpecError
from exporters.extras import extra
from exporters.flow import Exported, export
from exporters.formats import load_format
from exporters.manifest import Manifest, Tried, record_files, record_tensor, write_manifest
from exporters.provenance import declaration, git_commit, host
from exporters.publishing.clients import check_clients
from exporters.publishing.staging import staged
from exporters.repository import FOLDER, VERSION, publish
from exporters.spec import ModelSpec, TensorSpec
from exporters.stages import Report, Stage, StageClock
from exporters.targets import DEFAULT_FORMAT

if TYPE_CHECKING:
    from exporters.artefacts import Found
    from exporters.artefacts.resolve import Answers
    from exporters.artefacts.trial import Trial

# A finished file has the precision that it has.
_PRECISION = "as added"


@dataclass(frozen=True)
class Told:
    """What a person says about a file that the file does not."""

    answers: Answers
    labels: Mapping[str, Path] = field(default_factory=dict)
    samples: Path | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    command: str = ""
    """As it was typed, to be shown again with what is missing."""


@dataclass(frozen=True)
class FinishedFile:
    """Stands where a declaration says how the module is built: there is only the file."""

    path: Path

    def __call__(self) -> Any:
        from exporters.artefacts.exported_program import program_module

        return program_module(self.path)


def add(
    path: Path,
    name: str,
    told: Told,
    *,
    repository: Path,
    format: str = "",
    change_interface: bool = False,
    serve: bool = True,
    report: Report = lambda _: None,
) -> Exported:
    """Publishes a file as the next version of `name`, or raises an `ExportError`.

    `format` is what an exported program is compiled to; other files are what they are.
    """
    with extra("export"):
        from exporters.artefacts import read_artefact

    found = read_artefact(path)
    spec = declared(found, name, told, f"conch add {path} --name {name}")
    if found.format == "exported_program":
        spec = _labelled(spec, told.labels)
        wanted = Wanted(
            format=format or DEFAULT_FORMAT, change_interface=change_interface, source=str(path)
        )
        return export(spec, wanted, repository=repository, serve=serve, report=report)
    if format and format != found.format:
        raise SpecError(
            f"{path} is {found.said}, and is published as it is. Leave --format out: it says what "
            "an exported program is compiled to."
        )
    clock = StageClock(report)
    with staged(repository, name) as directory:
        artefact = directory / VERSION / load_format(found.format).FILENAME
        _copy(found, artefact)
        manifest, spec = tried(found, spec, told, artefact, directory, clock)
        if not change_interface:
            check_clients(manifest, repository)
        write_manifest(artefact.parent, manifest)
        described(spec, found.format, directory / FOLDER, clock)
        with clock.run(Stage.PUBLISH) as note:
            version = publish(directory, repository, name, serve=serve)
            note(str(repository / name / str(version)))
    return Exported(name, version, repository / name / str(version), manifest)


def declared(found: Found, name: str, told: Told, command: str) -> ModelSpec:
    from exporters.artefacts.inputs import sample_source
    from exporters.artefacts.resolve import resolve

    command = told.command or command
    interface = resolve(found, name, told.answers, command)
    return ModelSpec(
        **dict(interface),
        build=FinishedFile(found.path),
        samples=sample_source(interface, told.samples, told.ranges, command),
    )


def _labelled(spec: ModelSpec, labels: Mapping[str, Path]) -> ModelSpec:
    names = [output.name for output in spec.outputs]
    for name in labels:
        if name not in names:
            raise SpecError(
                f"--labels names '{name}', which is no output; it has {', '.join(names)}."
            )
    outputs = tuple(
        _with_labels(output, read_labels(labels[output.name])) if output.name in labels else output
        for output in spec.outputs
    )
    return ModelSpec(**{**dict(spec), "outputs": outputs})


def _with_labels(output: TensorSpec, labels: tuple[str, ...]) -> TensorSpec:
    if output.dims and output.dims[-1] not in (-1, len(labels)):
        raise SpecError(
            f"There are {len(labels)} labels for '{output.name}', which has {output.dims[-1]} "
            "values. Give one label in each line, in the order of the values."
        )
    return output.model_copy(update={"labels": labels})


def _copy(found: Found, artefact: Path) -> None:
    artefact.parent.mkdir()
    try:
        shutil.copyfile(found.path, artefact)
        for file in found.files:
            target = artefact.parent / file.relative_to(found.path.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    except OSError as error:
        raise PublishError(
            f"{found.path} cannot be copied: {error}. Nothing was published."
        ) from error


def tried(
    found: Found,
    spec: ModelSpec,
    told: Told,
    artefact: Path,
    scratch: Path,
    clock: StageClock,
) -> tuple[Manifest, ModelSpec]:
    from exporters.artefacts.trial import replace_outputs, try_out
    from exporters.capturing.samples import read_samples

    with clock.run(Stage.PROVE) as note:
        samples = read_samples(spec)
        trial = try_out(spec, samples, artefact, found.format, told.answers.outputs, scratch)
        spec = _labelled(replace_outputs(spec, trial.outputs), told.labels)
        note(f"{len(trial.rows)} rows alone and in a batch, {artefact.stat().st_size:,} bytes")
    return _manifest(found, spec, told, trial, artefact, clock), spec


def described(spec: ModelSpec, format_name: str, directory: Path, clock: StageClock) -> None:
    with extra("export"):
        from exporters.capturing.samples import read_samples
        from exporters.describing.describe import write_description

    with clock.run(Stage.DESCRIBE) as note:
        item = read_samples(spec)[0]
        note(", ".join(write_description(spec, load_format(format_name), item, directory)))


def _manifest(
    found: Found, spec: ModelSpec, told: Told, trial: Trial, artefact: Path, clock: StageClock
) -> Manifest:
    compiler = load_format(found.format)
    wire = wire_interface(spec.interface, compiler)
    files = record_files(artefact.parent, artefact.name)
    random = () if told.samples else ("tried on random inputs only: no samples were given",)
    return Manifest(
        model=spec.name,
        format=found.format,
        precision=_PRECISION,
        files=files,
        inputs=tuple(map(record_tensor, wire.inputs)),
        outputs=tuple(map(record_tensor, wire.outputs)),
        max_batch_size=spec.max_batch_size,
        spec=declaration(spec),
        source=str(found.path),
        git_commit=git_commit(),
        host=host(),
        versions=compiler.versions(),
        proof=trial.rows,
        latency_us=trial.latency_us,
        details={"file": found.said},
        tried=(_row(found, trial, sum(file.size_bytes for file in files)),),
        notes=(*trial.notes, *random),
        stage_seconds=dict(clock.seconds),
        created=datetime.now(UTC),
    )


def _row(found: Found, trial: Trial, size_bytes: int) -> Tried:
    return Tried(
        format=found.format,
        precision=_PRECISION,
        size_bytes=size_bytes,
        worst_error=max((row.max_abs_error for row in trial.rows), default=None),
        latency_us=trial.latency_us,
        verdict="runs; there is no model to compare it with",
    )
