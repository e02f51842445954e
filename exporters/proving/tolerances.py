"""The tolerances of one proof: by precision, and by how large the model's own answers are."""

from collections.abc import Sequence

import numpy as np

from exporters.arrays import Array, Arrays
from exporters.proving.precision import accepted
from exporters.spec import ModelSpec, TensorSpec
from exporters.tensors import Tolerance

# Of the default absolute tolerance at least; what is smaller than that may be rounding alone.
LEAST_SHARE = 1e-3


def with_tolerances(spec: ModelSpec, precision: str, answers: Sequence[Arrays]) -> ModelSpec:
    """The spec with the tolerances that an artefact of this precision is allowed.

    A default tolerance shrinks with an output that never reaches 1, such as probabilities over
    many classes: it would accept any answer there.
    """
    outputs = tuple(
        output.model_copy(update={"tolerance": _tolerance(output, precision, answers)})
        for output in spec.outputs
    )
    return spec.model_copy(update={"outputs": outputs})


def _tolerance(output: TensorSpec, precision: str, answers: Sequence[Arrays]) -> Tolerance:
    wide = accepted(output, precision)
    if output.tolerance:
        return wide
    largest = max((_largest(answer[output.name]) for answer in answers), default=1.0)
    return wide._replace(absolute=wide.absolute * min(1.0, max(largest, LEAST_SHARE)))


def _largest(values: Array) -> float:
    return float(
        np.abs(values, where=np.isfinite(values), out=np.zeros(values.shape)).max(initial=0)
    )
