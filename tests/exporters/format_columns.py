"""Formats that a CPU runs, and how far one of them is from the eager model."""

import numpy as np

from exporters.arrays import Runner
from exporters.capturing.capture import Captured
from exporters.proving.precision import accepted
from exporters.spec import ModelSpec

# Format, how TorchScript captures, precision.
COLUMNS = {
    "torchscript": ("torchscript", "trace", "fp32"),
    "torchscript, script": ("torchscript", "script", "fp32"),
    "aoti": ("aoti", "trace", "fp32"),
    "onnx": ("onnx", "trace", "fp32"),
    "onnx int8": ("onnx", "trace", "int8"),
}


def largest_error(spec: ModelSpec, captured: Captured, runner: Runner, precision: str) -> float:
    """Over all outputs of all batches; raises an `AssertionError` past a tolerance."""
    worst = 0.0
    for question in captured.questions:
        answer = runner(question.batch.inputs)
        for output in spec.outputs:
            expected, actual = question.expected[output.name], answer[output.name]
            assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype), output.name
            error = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
            limit = accepted(output, precision)
            if (error > limit.absolute + limit.relative * np.abs(expected)).any():
                raise AssertionError(
                    f"'{output.name}' is off by {error.max():.2g} at {question.batch}"
                )
            worst = max(worst, float(error.max(initial=0.0)))
    return worst
