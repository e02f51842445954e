"""Times several artefacts of one model against one another, taking turns."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

from exporters.arrays import Arrays
from exporters.capturing.samples import Item, timed_batches
from exporters.errors import ProofError
from exporters.proving.proof_job import Job
from exporters.proving.proof_process import run_artefact
from exporters.spec import ModelSpec

# One round may meet a busy moment of the machine; the median of three does not.
ROUNDS = 3


@dataclass(frozen=True)
class Runner:
    """An artefact in the race, and the format that loads it."""

    name: str
    format: str
    artefact: Path


@dataclass(frozen=True)
class Lap:
    """Median time of a run by batch size, and the share by which the rounds differed."""

    latency_us: Mapping[str, float]
    spread: float

    @property
    def typical_us(self) -> float:
        """Geometric mean over the batch sizes, so that each of them weighs the same."""
        return statistics.geometric_mean(self.latency_us.values())


def race(
    spec: ModelSpec, runners: Sequence[Runner], samples: Sequence[Item], scratch: Path
) -> dict[str, Lap]:
    """By name of the runner. What disturbs the machine meets all of them, since they take turns."""
    timed = timed_batches(spec, list(samples))
    rounds: dict[str, list[Mapping[str, float]]] = {runner.name: [] for runner in runners}
    for _ in range(ROUNDS):
        for runner in runners:
            rounds[runner.name].append(_run(spec, runner, timed, scratch))
    return {name: _lap(times) for name, times in rounds.items()}


def _run(
    spec: ModelSpec, runner: Runner, timed: Mapping[int, Arrays], scratch: Path
) -> Mapping[str, float]:
    job = Job(
        format=runner.format,
        artefact=runner.artefact.resolve(),
        interface=spec.interface,
        questions=0,
        timed=tuple(timed),
    )
    with TemporaryDirectory(prefix="race-", dir=scratch) as directory:
        _, report = run_artefact(job, [], timed, Path(directory))
    if report.error:
        raise ProofError(f"{runner.name} of '{spec.name}' fails while it is timed: {report.error}")
    return report.latency_us


def _lap(times: Sequence[Mapping[str, float]]) -> Lap:
    medians = {size: statistics.median(time[size] for time in times) for size in times[0]}
    spreads = [abs(log(time[size] / median)) for time in times for size, median in medians.items()]
    return Lap(medians, round(statistics.median(spreads), 3))
