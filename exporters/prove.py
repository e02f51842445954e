"""Runs a saved artefact against the eager model's answers and refuses what differs."""

import numpy as np

from exporters.arrays import Array, Arrays, Runner
from exporters.calling import fault
from exporters.capture import Captured
from exporters.errors import ProofError, ToleranceError
from exporters.manifest import ProofRow
from exporters.samples import Batch
from exporters.spec import ModelSpec, TensorSpec


def prove(spec: ModelSpec, captured: Captured, runner: Runner) -> tuple[ProofRow, ...]:
    """One row for every output of every batch; raises at the first that is not the model's."""
    rows: list[ProofRow] = []
    for question in captured.questions:
        actual = _run(spec, runner, question.batch)
        rows += [
            _compare(output, question.batch, question.expected[output.name], actual[output.name])
            for output in spec.outputs
        ]
    return tuple(rows)


def _run(spec: ModelSpec, runner: Runner, batch: Batch) -> Arrays:
    try:
        answer = runner(batch.inputs)
    except Exception as error:  # every runtime has exceptions of its own
        last_line = str(error).strip().rpartition("\n")[2]
        raise ProofError(
            f"The artefact of '{spec.name}' fails at batch {batch.size}, where the model answers: "
            f"{last_line} Nothing was published. Let `forward` take every size from its input's "
            "shape, without int()."
        ) from error
    for output in spec.outputs:
        if found := fault(output, answer[output.name], batch=batch.size):
            raise ProofError(
                f"The artefact of '{spec.name}' {found} on {batch.data} inputs, where the model "
                "does not. Nothing was published. Try another format."
            )
    return answer


def _compare(output: TensorSpec, batch: Batch, expected: Array, actual: Array) -> ProofRow:
    reference = expected.astype(np.float64)
    error = np.abs(actual.astype(np.float64) - reference)
    accepted = output.accepted
    limits = accepted.absolute + accepted.relative * np.abs(reference)
    worst = np.unravel_index(np.argmax(error - limits), error.shape)
    if error[worst] > limits[worst]:
        raise ToleranceError(
            output=output.name,
            batch=batch.size,
            data=batch.data,
            error=float(error[worst]),
            limit=float(limits[worst]),
        )
    return ProofRow(
        output=output.name,
        batch=batch.size,
        data=batch.data,
        max_abs_error=float(error.max()),
        max_rel_error=_max_relative(error, reference, floor=accepted.absolute),
        absolute_tolerance=accepted.absolute,
        relative_tolerance=accepted.relative,
    )


def _max_relative(error: Array, reference: Array, *, floor: float) -> float:
    """Values no larger than the absolute tolerance have no meaningful relative error."""
    scale = np.abs(reference)
    counted = scale > floor
    return float((error[counted] / scale[counted]).max(initial=0.0))
