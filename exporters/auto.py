"""`--format auto`: builds what the target runs, races what is proven, keeps the fastest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.candidate import Candidate, Wanted, build
from exporters.describing.wire import wire_interface
from exporters.errors import CompileError, ExportError, HostError
from exporters.formats import Format, format_names
from exporters.manifest import Tried
from exporters.proving.race import Lap, Runner, race
from exporters.spec import ModelSpec
from exporters.stages import Stage, StageClock

if TYPE_CHECKING:
    from exporters.capturing.capture import Captured

# Speed-ups are told against the format that every release of Triton serves.
PEER = "torchscript"


@dataclass(frozen=True)
class Choice:
    """The fastest candidate that may be published, and what became of the others."""

    candidate: Candidate
    tried: tuple[Tried, ...]


def choose(
    spec: ModelSpec, captured: Captured, wanted: Wanted, directory: Path, clock: StageClock
) -> Choice:
    """Raises a `CompileError` with every reason if nothing could be built and proven."""
    built: list[Candidate] = []
    refused: list[Tried] = []
    for entry in _entries(wanted):
        try:
            candidate = build(spec, captured, entry, directory / entry.format, clock)
        except ExportError as error:
            refused.append(_refused(entry, error))
            continue
        if candidate.manifest.unproven:
            verdict = f"built, not proven here: {candidate.manifest.unproven}"
            refused.append(Tried(format=entry.format, precision=entry.precision, verdict=verdict))
            continue
        built.append(candidate)
    if not built:
        reasons = " ".join(f"{row.format}: {row.verdict}" for row in refused)
        raise CompileError(f"No format takes '{spec.name}'. {reasons}")
    with clock.run(Stage.RACE) as note:
        laps = race(spec, [_runner(candidate) for candidate in built], captured.samples, directory)
        winner = _fastest(spec, built, laps)
        note(f"{winner.wanted.format} is the fastest")
    rows = [_row(spec, candidate, laps, winner) for candidate in built]
    rows.sort(key=lambda row: laps[row.format].typical_us)
    return Choice(winner, (*rows, *refused))


def _entries(wanted: Wanted) -> Iterator[Wanted]:
    """An RTX engine is none of them: no server of Triton loads it."""
    for name in format_names():
        if name != "tensorrt" or wanted.flavor == "tensorrt":
            yield replace(wanted, format=name)


def _refused(entry: Wanted, error: ExportError) -> Tried:
    kind = "cannot be built here" if isinstance(error, HostError) else "refused"
    return Tried(format=entry.format, precision=entry.precision, verdict=f"{kind}: {error}")


def _fastest(spec: ModelSpec, built: Sequence[Candidate], laps: dict[str, Lap]) -> Candidate:
    free = [candidate for candidate in built if not _renames(spec, candidate.compiler)]
    return min(free or built, key=lambda candidate: laps[candidate.wanted.format].typical_us)


def _renames(spec: ModelSpec, compiler: Format) -> bool:
    """Whether clients would have to call the tensors by other names than those declared."""
    return wire_interface(spec.interface, compiler) != spec.interface


def _row(spec: ModelSpec, candidate: Candidate, laps: dict[str, Lap], winner: Candidate) -> Tried:
    manifest = candidate.manifest
    return Tried(
        format=manifest.format,
        precision=manifest.precision,
        size_bytes=manifest.size_bytes,
        worst_error=manifest.worst_error,
        latency_us=dict(laps[candidate.wanted.format].latency_us),
        verdict=", ".join(_verdict(spec, candidate, laps, winner)),
    )


def _verdict(
    spec: ModelSpec, candidate: Candidate, laps: dict[str, Lap], winner: Candidate
) -> Iterator[str]:
    name = candidate.wanted.format
    lap, best = laps[name], laps[winner.wanted.format]
    yield "fastest" if candidate is winner else "proven"
    if cost := candidate.manifest.cost_in_accuracy:
        yield cost
    if PEER in laps and name != PEER:
        yield f"{laps[PEER].typical_us / lap.typical_us:.2f} x {PEER}"
    if candidate is not winner and lap.typical_us < best.typical_us * (
        1 + max(lap.spread, best.spread)
    ):
        yield "not slower than the noise"
    if _renames(spec, candidate.compiler):
        yield f"renames the tensors, so only with --format {name}"


def _runner(candidate: Candidate) -> Runner:
    return Runner(candidate.wanted.format, candidate.wanted.format, candidate.artefact)
