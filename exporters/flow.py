"""The one way from a declared model to a published version."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.candidate import AUTO, Candidate, Wanted, build, check
from exporters.extras import extra
from exporters.manifest import Manifest, Tried, write_manifest
from exporters.publishing.clients import check_clients
from exporters.publishing.staging import staged
from exporters.repository import FOLDER, VERSION, publish
from exporters.spec import ModelSpec
from exporters.stages import Report, Stage, StageClock
from exporters.tensorrt_parts.identity import check_target, target_of_release

if TYPE_CHECKING:
    from exporters.capturing.capture import Captured

_CANDIDATES = "candidates"


@dataclass(frozen=True)
class Exported:
    """What came of an export; version 0 is one that was not published, since it is unproven."""

    name: str
    version: int
    path: Path | None
    manifest: Manifest


def export(
    spec: ModelSpec,
    wanted: Wanted,
    *,
    repository: Path,
    serve: bool = True,
    report: Report = lambda _: None,
) -> Exported:
    """Compiles, proves and publishes a model, or raises an `ExportError` and publishes nothing.

        export(spec, Wanted(format="onnx"), repository=Path("model_repository"))

    With `serve=False` a model that is served goes on serving what it serves, until a server has
    loaded the new version. `report` is called when a stage begins and when it ends, in the thread
    of the caller.
    """
    if wanted.format != AUTO:
        check(spec, wanted)
    with extra("export"):
        from exporters.capturing.capture import capture
        from exporters.declaring.declare import complete
        from exporters.describing.describe import write_description

    clock = StageClock(report)
    with staged(repository, spec.name) as directory:
        with clock.run(Stage.CAPTURE) as note:
            spec = complete(spec)
            captured = capture(spec)
            note(". ".join((f"{len(captured.questions)} batches to prove it on", *captured.notes)))
        candidate, tried = _candidate(spec, captured, wanted, directory / _CANDIDATES, clock)
        published = not candidate.manifest.unproven or wanted.allow_unproven
        manifest = _with_history(candidate, tried, clock, published=published)
        if not published:
            return Exported(spec.name, 0, None, manifest)
        _check_server(manifest, wanted)
        if not wanted.change_interface:
            check_clients(manifest, repository)
        with clock.run(Stage.DESCRIBE) as note:
            item = captured.samples[0]
            files = write_description(spec, candidate.compiler, item, directory / FOLDER)
            note(", ".join(files))
        with clock.run(Stage.PUBLISH) as note:
            write_manifest(candidate.directory, manifest)
            os.rename(candidate.directory, directory / VERSION)
            shutil.rmtree(directory / _CANDIDATES)
            version = publish(directory, repository, spec.name, serve=serve)
            path = repository / spec.name / str(version)
            note(str(path))
    return Exported(spec.name, version, path, manifest)


def _candidate(
    spec: ModelSpec, captured: Captured, wanted: Wanted, directory: Path, clock: StageClock
) -> tuple[Candidate, tuple[Tried, ...]]:
    if wanted.format == AUTO:
        with extra("export"):
            from exporters.auto import choose
        choice = choose(spec, captured, wanted, directory, clock)
        return choice.candidate, choice.tried
    candidate = build(spec, captured, wanted, directory / wanted.format, clock)
    return candidate, ()


def _check_server(manifest: Manifest, wanted: Wanted) -> None:
    """An engine is tied to one TensorRT; better refused here than by the server."""
    if "engine" in manifest.details and not wanted.allow_unproven:
        check_target(manifest.details, target_of_release(wanted.triton_release))


def _with_history(
    candidate: Candidate, tried: tuple[Tried, ...], clock: StageClock, *, published: bool
) -> Manifest:
    manifest = candidate.manifest
    only = Tried(
        format=manifest.format,
        precision=manifest.precision,
        size_bytes=manifest.size_bytes,
        worst_error=manifest.worst_error,
        latency_us=manifest.latency_us,
        verdict=_verdict(manifest, published=published),
    )
    return manifest.model_copy(
        update={"tried": tried or (only,), "stage_seconds": dict(clock.seconds)}
    )


def _verdict(manifest: Manifest, *, published: bool) -> str:
    if not manifest.unproven:
        return ", ".join(filter(None, ("proven", manifest.cost_in_accuracy)))
    return "published unproven" if published else "built, not proven here, not published"
