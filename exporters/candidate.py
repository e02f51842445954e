"""One format's artefact of a model: compiled, proven and described by its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.describing.releases import check_release
from exporters.describing.wire import wire_interface
from exporters.errors import HostError, ProofError, SpecError
from exporters.extras import extra
from exporters.formats import Compiled, Format, Source, load_format
from exporters.manifest import Manifest, record_files, record_tensor
from exporters.provenance import declaration, git_commit, host
from exporters.spec import ModelSpec
from exporters.stages import Stage, StageClock

if TYPE_CHECKING:
    from exporters.capturing.capture import Captured
    from exporters.proving.prove import Proof


# Instead of a format: the fastest that is proven.
AUTO = "auto"
SHOWN_LINES = 3
# Compiled for a device that the host may not have.
ENGINE = "tensorrt"


@dataclass(frozen=True)
class Wanted:
    """What is asked of an export, besides the model."""

    format: str
    precision: str = ""
    """Empty: the format's own default."""

    flavor: str = "tensorrt"
    """Which TensorRT builds an engine: `tensorrt`, or `rtx` on a machine without a GPU."""

    allow_unproven: bool = False
    """Publish what this host cannot run."""

    change_interface: bool = False
    """Publish what clients of the served version could not call."""

    triton_release: str = ""
    """Release of the container that is to serve it, like `26.09`; empty: the newest."""

    source: str = ""
    """Where the model is declared, for the manifest."""


@dataclass(frozen=True)
class Candidate:
    """A version folder that could be published."""

    wanted: Wanted
    compiler: Format
    directory: Path
    manifest: Manifest

    @property
    def artefact(self) -> Path:
        return self.directory / self.manifest.artefact.path


def check(spec: ModelSpec, wanted: Wanted) -> Format:
    """The format's compiler, if it can do what is wanted; raises before time goes into it."""
    compiler = load_format(wanted.format)
    if wanted.precision and wanted.precision not in compiler.PRECISIONS:
        raise SpecError(
            f"Format {wanted.format} does not compile to '{wanted.precision}'; it knows "
            f"{', '.join(compiler.PRECISIONS)}."
        )
    check_release(spec, compiler, wanted.triton_release)
    compiler.check_host(wanted.flavor)
    return compiler


def build(
    spec: ModelSpec, captured: Captured, wanted: Wanted, directory: Path, clock: StageClock
) -> Candidate:
    """Compiles into `directory` and proves what was written there."""
    compiler = check(spec, wanted)
    directory.mkdir(parents=True)
    artefact = directory / compiler.FILENAME
    with clock.run(Stage.COMPILE) as note:
        compiled = compiler.compile(_source(spec, captured, wanted, compiler), artefact)
        said = f"{artefact.name}, {artefact.stat().st_size:,} bytes, {compiled.precision}"
        note(". ".join((said, *_decided_by_sizes(compiled))))
    with clock.run(Stage.PROVE) as note:
        proof, unproven = _prove(spec, compiled.precision, captured, wanted, artefact)
        note(unproven or f"largest error {max(row.max_abs_error for row in proof.rows):.1e}")
    manifest = _manifest(spec, captured, wanted, compiler, compiled, artefact, proof, unproven)
    return Candidate(wanted, compiler, directory, manifest)


def _source(spec: ModelSpec, captured: Captured, wanted: Wanted, compiler: Format) -> Source:
    return Source(
        module=captured.module,
        spec=spec,
        example=captured.example,
        samples=captured.samples,
        precision=wanted.precision or compiler.PRECISIONS[0],
        flavor=wanted.flavor,
    )


def _prove(
    spec: ModelSpec, precision: str, captured: Captured, wanted: Wanted, artefact: Path
) -> tuple[Proof, str]:
    with extra("export"):
        from exporters.proving.prove import Proof, prove
        from exporters.proving.tolerances import with_tolerances
    spec = with_tolerances(spec, precision, captured.answers)
    try:
        return prove(spec, captured, artefact, wanted.format, artefact.parent.parent), ""
    except HostError as error:
        if wanted.format != ENGINE:
            # What this host has just compiled, it can load, or the artefact is broken.
            raise ProofError(f"{error} Nothing was published.") from error
        return Proof((), {}, {}), str(error)


def _manifest(
    spec: ModelSpec,
    captured: Captured,
    wanted: Wanted,
    compiler: Format,
    compiled: Compiled,
    artefact: Path,
    proof: Proof,
    unproven: str,
) -> Manifest:
    wire = wire_interface(spec.interface, compiler)
    return Manifest(
        model=spec.name,
        format=wanted.format,
        flavor=wanted.flavor if wanted.format == ENGINE else "",
        precision=compiled.precision,
        files=record_files(artefact.parent, artefact.name),
        weights_sha256=captured.weights_sha256,
        inputs=tuple(map(record_tensor, wire.inputs)),
        outputs=tuple(map(record_tensor, wire.outputs)),
        max_batch_size=spec.max_batch_size,
        spec=declaration(spec),
        source=wanted.source,
        git_commit=git_commit(),
        host=host(),
        versions=compiler.versions(),
        proof=proof.rows,
        unproven=unproven,
        latency_us=proof.latency_us,
        error_histogram=proof.error_histogram,
        details=dict(compiled.details),
        varies=compiler.VARIES,
        notes=(*captured.notes, *_decided_by_sizes(compiled)),
        stage_seconds={},
        created=datetime.now(UTC),
    )


def _decided_by_sizes(compiled: Compiled) -> Iterator[str]:
    """What the proof can miss: a way that only lengths between those it asked would take."""
    if lines := compiled.details.get("decided_by_sizes"):
        shown = ", ".join(lines[:SHOWN_LINES]) + (", …" if len(lines) > SHOWN_LINES else "")
        yield (
            f"The trace kept what Python decided by sizes at {shown}. Give samples of "
            "every length at which that decides otherwise, or export as onnx."
        )
