"""The one way from a declared model to a published version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.extras import extra
from exporters.formats import Compiled, Format, Source, load_format
from exporters.manifest import Manifest, TensorRecord, record_files, write_manifest
from exporters.repository import FOLDER, VERSION, publish
from exporters.spec import ModelSpec, TensorSpec
from exporters.stages import Report, Stage, StageClock
from exporters.staging import staged

if TYPE_CHECKING:
    from exporters.capture import Captured
    from exporters.prove import Proof


@dataclass(frozen=True)
class Published:
    """What an export added to the repository."""

    name: str
    version: int
    path: Path
    manifest: Manifest
    stage_seconds: Mapping[str, float]


def export(
    spec: ModelSpec, *, format: str, repository: Path, report: Report = lambda _: None
) -> Published:
    """Compiles, proves and publishes a model, or raises an `ExportError` and publishes nothing.

        export(ZOO["mnist_mlp"].spec(), format="torchscript", repository=Path("model_repository"))

    `report` is called when a stage begins and when it ends, in the thread of the caller.
    """
    compiler = load_format(format)
    clock = StageClock(report)
    with staged(repository, spec.name) as directory:
        manifest = _stage_version(spec, format, compiler, directory / VERSION, clock)
        with clock.run(Stage.DESCRIBE) as note:
            note(", ".join(_stage_folder(spec, compiler, directory / FOLDER)))
        with clock.run(Stage.PUBLISH) as note:
            version = publish(directory, repository, spec.name)
            path = repository / spec.name / str(version)
            note(str(path))
    return Published(spec.name, version, path, manifest, clock.seconds)


def _stage_version(
    spec: ModelSpec, format: str, compiler: Format, directory: Path, clock: StageClock
) -> Manifest:
    with extra("export"):
        from exporters.capture import capture
        from exporters.prove import prove

    directory.mkdir()
    artefact = directory / compiler.FILENAME
    with clock.run(Stage.CAPTURE) as note:
        captured = capture(spec)
        note(". ".join((f"{len(captured.questions)} batches to prove it on", *captured.notes)))
    with clock.run(Stage.COMPILE) as note:
        source = Source(
            captured.module,
            spec,
            captured.example,
            samples=captured.samples,
            precision=compiler.PRECISIONS[0],
        )
        compiled = compiler.compile(source, artefact)
        note(f"{artefact.name}, {artefact.stat().st_size:,} bytes")
    with clock.run(Stage.PROVE) as note:
        proof = prove(spec, captured, artefact, format, directory.parent)
        note(f"largest error {max(row.max_abs_error for row in proof.rows):.1e}")
    manifest = _manifest(spec, format, compiler, compiled, captured, artefact, proof, clock)
    write_manifest(directory, manifest)
    return manifest


def _stage_folder(spec: ModelSpec, compiler: Format, directory: Path) -> list[str]:
    with extra("export"):
        from exporters.describe import describe

    files = describe(spec, compiler)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(files)


def _manifest(
    spec: ModelSpec,
    format: str,
    compiler: Format,
    compiled: Compiled,
    captured: Captured,
    artefact: Path,
    proof: Proof,
    clock: StageClock,
) -> Manifest:
    return Manifest(
        model=spec.name,
        format=format,
        files=record_files(artefact.parent, artefact.name),
        weights_sha256=captured.weights_sha256,
        precision=compiled.precision,
        inputs=tuple(map(_record, spec.inputs)),
        outputs=tuple(map(_record, spec.outputs)),
        max_batch_size=spec.max_batch_size,
        versions=compiler.versions(),
        proof=proof.rows,
        latency_us=proof.latency_us,
        error_histogram=proof.error_histogram,
        stage_seconds=dict(clock.seconds),
        created=datetime.now(UTC),
    )


def _record(tensor: TensorSpec) -> TensorRecord:
    return TensorRecord(name=tensor.name, dtype=tensor.dtype, shape=tensor.dims)
