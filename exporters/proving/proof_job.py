"""The folder in which an artefact's proof is asked for and answered, by two processes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from exporters.arrays import Arrays
from exporters.spec import Interface, TensorSpec

# Of the whole job: what takes longer hangs.
TIMEOUT_S = 600.0
# Of each batch size in each round: shorter, and what else the machine does shows in the median.
TIMED_S = 0.2
JOB, REPORT = "job.json", "report.json"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class Job(_Message):
    """What the parent asks: `questions` runs to answer, and then batch sizes to time."""

    format: str
    artefact: Path
    interface: Interface
    questions: int
    timed: tuple[int, ...]
    timed_s: float = Field(default_factory=lambda: TIMED_S)


class Report(_Message):
    """What the child says beside its answers; it stops at the first thing that fails."""

    error: str = ""
    """One line of what failed; empty where nothing did."""

    step: str = ""
    """What failed: `load`, `question 3` or `batch 8`."""

    host: bool = False
    """Whether this host is to blame, and not the artefact."""

    latency_us: dict[str, float] = Field(default_factory=dict)


def question_path(directory: Path, number: int) -> Path:
    return directory / f"question-{number}.npz"


def answer_path(directory: Path, number: int) -> Path:
    return directory / f"answer-{number}.npz"


def timed_path(directory: Path, batch: int) -> Path:
    return directory / f"timed-{batch}.npz"


def save_arrays(path: Path, tensors: Sequence[TensorSpec], arrays: Arrays) -> None:
    # By position: a tensor may be called what savez calls an argument, or hold a slash.
    np.savez(path, *(arrays[tensor.name] for tensor in tensors))


def load_arrays(path: Path, tensors: Sequence[TensorSpec]) -> Arrays:
    with np.load(path, allow_pickle=False) as saved:
        return {tensor.name: saved[f"arr_{place}"] for place, tensor in enumerate(tensors)}
