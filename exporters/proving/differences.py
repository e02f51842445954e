"""How far two answers of one output are apart, value by value."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from exporters.arrays import Array
from exporters.manifest import HISTOGRAM_EDGES
from exporters.spec import TensorSpec

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Difference:
    """Of one output in one run; `error` and `limit` are those of its worst value."""

    max_abs_error: float
    max_rel_error: float
    mismatch_share: float
    error: float
    limit: float

    @property
    def accepted(self) -> bool:
        return self.mismatch_share == 0


def difference(output: TensorSpec, expected: Array, actual: Array) -> Difference:
    """Arrays of one shape and dtype, measured against the output's tolerance.

    NaN equals NaN, and infinity equals infinity of the same sign; nothing else excuses them.
    """
    error = _absolute_error(expected, actual)
    reference = np.abs(expected.astype(np.float64))
    absolute, relative = output.accepted
    # Where the model answers infinity or NaN, only the same is right.
    limits = absolute + relative * np.where(np.isfinite(reference), reference, 0.0)
    excess = error - limits
    worst = np.unravel_index(np.argmax(excess), error.shape) if error.size else None
    return Difference(
        max_abs_error=float(error.max(initial=0.0)),
        max_rel_error=_max_relative(error, reference, floor=absolute),
        mismatch_share=float(np.mean(excess > 0)) if error.size else 0.0,
        error=0.0 if worst is None else float(error[worst]),
        limit=absolute if worst is None else float(limits[worst]),
    )


def histogram(expected: Array, actual: Array) -> Array:
    """How many values are apart by how much, between each two of HISTOGRAM_EDGES."""
    return np.histogram(_absolute_error(expected, actual), HISTOGRAM_EDGES)[0]


def _absolute_error(expected: Array, actual: Array) -> Array:
    if expected.dtype.kind == "f":
        reference, answer = expected.astype(np.float64), actual.astype(np.float64)
        same: Mask = (reference == answer) | (np.isnan(reference) & np.isnan(answer))
        with np.errstate(invalid="ignore"):
            error = np.abs(answer - reference)
        return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))
    # Whole numbers beyond 2**53 would lose their last digits as floats, and the difference of two
    # int64 may need 64 bits without a sign.
    larger = np.maximum(expected, actual).astype(np.uint64)
    smaller = np.minimum(expected, actual).astype(np.uint64)
    return np.asarray((larger - smaller).astype(np.float64))


def _max_relative(error: Array, reference: Array, *, floor: float) -> float:
    """Values no larger than the absolute tolerance have no meaningful relative error."""
    counted = np.isfinite(reference) & (reference > floor)
    return float((error[counted] / reference[counted]).max(initial=0.0))
