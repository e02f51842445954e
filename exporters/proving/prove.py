"""Runs a saved artefact against the eager model's answers and refuses what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from exporters.arrays import Array, Arrays
from exporters.capturing.calling import fault, not_finite
from exporters.capturing.capture import Captured, Question
from exporters.capturing.samples import Batch, timed_batches
from exporters.errors import ProofError, ToleranceError
from exporters.manifest import ProofRow
from exporters.proving.differences import difference, histogram
from exporters.proving.proof_job import Job, Report
from exporters.proving.proof_process import run_artefact
from exporters.spec import ModelSpec, TensorSpec


@dataclass(frozen=True)
class Proof:
    """What the saved artefact was seen to do."""

    rows: tuple[ProofRow, ...]
    """One for every output of every run."""

    latency_us: dict[str, float]
    """Median time of a call, by batch size."""

    error_histogram: dict[str, tuple[int, ...]]
    """By output: how many values fell between two of HISTOGRAM_EDGES."""


def prove(
    spec: ModelSpec, captured: Captured, artefact: Path, format_name: str, scratch: Path
) -> Proof:
    """Raises a `ProofError` at the first answer that is not the model's.

    The artefact is loaded in a process of its own; what the two exchange is in `scratch` meanwhile.
    """
    timed = timed_batches(spec, list(captured.samples))
    job = Job(
        format=format_name,
        artefact=artefact.resolve(),
        interface=spec.interface,
        questions=len(captured.questions),
        timed=tuple(timed),
    )
    asked = [question.batch.inputs for question in captured.questions]
    with TemporaryDirectory(prefix="proof-", dir=scratch) as directory:
        answers, report = run_artefact(job, asked, timed, Path(directory))
    # What was answered wrong before the failure explains more than the failure.
    rows = compare(spec, captured.questions[: len(answers)], answers, format_name)
    if report.error:
        raise _failure(spec, captured.questions, report, format_name, answered=len(answers))
    histograms = {
        output.name: _histogram(output, captured.questions, answers) for output in spec.outputs
    }
    return Proof(rows, report.latency_us, histograms)


def compare(
    spec: ModelSpec, questions: Sequence[Question], answers: Sequence[Arrays], format_name: str
) -> tuple[ProofRow, ...]:
    """Raises a `ProofError` at the first answer that is out of tolerance."""
    return tuple(
        _row(spec, output, question, answer[output.name], _moved(questions, question), format_name)
        for question, answer in zip(questions, answers, strict=True)
        for output in spec.outputs
    )


def _histogram(
    output: TensorSpec, questions: Sequence[Question], answers: Sequence[Arrays]
) -> tuple[int, ...]:
    counts = [
        histogram(question.expected[output.name], answer[output.name])
        for question, answer in zip(questions, answers, strict=True)
    ]
    return tuple(int(count) for count in np.sum(counts, axis=0))


def _failure(
    spec: ModelSpec,
    questions: Sequence[Question],
    report: Report,
    format_name: str,
    *,
    answered: int,
) -> ProofError:
    said = report.error.rstrip(".")
    if report.step == "load":
        return ProofError(
            f"The artefact of '{spec.name}' cannot be loaded: {said}. Nothing was published. Try "
            "another format."
        )
    if answered == len(questions):
        return ProofError(
            f"The artefact of '{spec.name}' fails at {report.step}: {said}. Nothing was published. "
            "Let `forward` take every size from its input's shape, without int()."
        )
    question = questions[answered]
    return ProofError(
        f"The artefact of '{spec.name}' fails at {question.batch}, where the model answers: "
        f"{said}. Nothing was published. {_moved(questions, question)}Let `forward` "
        f"take every size from its input's shape, without int(), or {_another(spec, format_name)}."
    )


def _row(
    spec: ModelSpec,
    output: TensorSpec,
    question: Question,
    actual: Array,
    moved: str,
    format_name: str,
) -> ProofRow:
    batch, expected = question.batch, question.expected[output.name]
    if found := _fault(output, batch, expected, actual):
        raise ProofError(
            f"The artefact of '{spec.name}' {found}. Nothing was published. {moved}To mend "
            f"it, {_another(spec, format_name)}."
        )
    measured = difference(output, expected, actual)
    if not measured.accepted:
        raise ToleranceError(
            output=output.name,
            batch=batch.size,
            error=measured.error,
            limit=measured.limit,
            run=str(batch),
            cure=(
                f"{moved}Out of tolerance are {measured.mismatch_share:.2%} of its values. If "
                "`forward` has a branch or a loop that depends on its input, "
                f"{_another(spec, format_name)}; if the difference is rounding, give this output a "
                "wider `tolerance` in its TensorSpec."
            ),
        )
    return ProofRow(
        output=output.name,
        batch=batch.size,
        lengths=dict(batch.lengths),
        data=batch.data,
        max_abs_error=measured.max_abs_error,
        max_rel_error=measured.max_rel_error,
        mismatch_share=measured.mismatch_share,
        absolute_tolerance=output.accepted.absolute,
        relative_tolerance=output.accepted.relative,
    )


def _fault(output: TensorSpec, batch: Batch, expected: Array, actual: Array) -> str | None:
    """What needs no tolerance to be wrong: type, shape, and where there is no number."""
    if found := fault(output, actual, batch):
        return found
    if actual.shape != expected.shape:
        return (
            f"returns '{output.name}' as {list(actual.shape)} instead of {list(expected.shape)} "
            f"at {batch}"
        )
    if np.array_equal(np.isfinite(actual), np.isfinite(expected)):
        return None
    if not_finite(actual) == not_finite(expected):
        return (
            f"answers NaN or infinity for other values of '{output.name}' at {batch} than the model"
        )
    return (
        f"answers NaN or infinity for {not_finite(actual)} values of '{output.name}' at {batch}, "
        f"the model for {not_finite(expected)}"
    )


def _another(spec: ModelSpec, format_name: str) -> str:
    if format_name == "torchscript" and spec.torchscript == "trace":
        return (
            'try `--format onnx` or torchscript="script" in the ModelSpec, since tracing keeps the '
            "way that its example took"
        )
    return "try another format"


def _moved(questions: Sequence[Question], question: Question) -> str:
    """Says so if a question has another length than the first one, which was answered well."""
    first = questions[0].batch.lengths
    for axis, length in question.batch.lengths.items():
        if length != first[axis]:
            return (
                f"At {axis} {first[axis]} all was well: axis '{axis}' is declared dynamic, and in "
                "this artefact it may not be. "
            )
    return ""
