"""Runs a saved artefact against the eager model and refuses what differs."""

import numpy as np

from exporters.arrays import Array, Runner
from exporters.calling import call
from exporters.capture import Batch, Captured
from exporters.errors import ProofError, ToleranceError
from exporters.manifest import ProofRow
from exporters.spec import ModelSpec, TensorSpec


def prove(spec: ModelSpec, captured: Captured, runner: Runner) -> tuple[ProofRow, ...]:
    """One row for every output of every batch; raises at the first that is not the model's."""
    rows: list[ProofRow] = []
    for batch in captured.batches:
        expected = call(captured.module, spec, batch.inputs)
        actual = _run(spec, runner, batch)
        rows += [
            _compare(output, batch, expected[output.name], actual[output.name])
            for output in spec.outputs
        ]
    return tuple(rows)


def _run(spec: ModelSpec, runner: Runner, batch: Batch) -> dict[str, Array]:
    try:
        return dict(runner(batch.inputs))
    except Exception as error:  # every runtime has exceptions of its own
        last_line = str(error).strip().rpartition("\n")[2]
        raise ProofError(
            f"The artefact of '{spec.name}' fails at batch {batch.size}, where the eager model "
            f"answers: {last_line} Nothing was published. Let `forward` take the batch size from "
            "its input's shape, or set max_batch_size=0."
        ) from error


def _compare(output: TensorSpec, batch: Batch, expected: Array, actual: Array) -> ProofRow:
    _check_interface(output, batch, expected, "The model")
    _check_interface(output, batch, actual, "The artefact")
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


def _check_interface(output: TensorSpec, batch: Batch, values: Array, who: str) -> None:
    shape = (batch.size, *output.shape) if batch.size else output.shape
    if (values.dtype.name, values.shape) != (output.dtype, shape):
        raise ProofError(
            f"{who} returns '{output.name}' as {values.dtype.name} {list(values.shape)} at batch "
            f"{batch.size}, where {output.dtype} {list(shape)} is declared. Correct the "
            "TensorSpec, or let the model return the batch as its first dimension."
        )
    if not np.isfinite(values).all():
        raise ProofError(
            f"{who} returns {np.count_nonzero(~np.isfinite(values))} values of '{output.name}' "
            f"that are NaN or infinite, at batch {batch.size} on {batch.data} inputs. Nothing was "
            "published. Check the weights and the range of the samples."
        )


def _max_relative(error: Array, reference: Array, *, floor: float) -> float:
    """Values no larger than the absolute tolerance have no meaningful relative error."""
    scale = np.abs(reference)
    counted = scale > floor
    return float((error[counted] / scale[counted]).max(initial=0.0))
