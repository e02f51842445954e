"""Calls a torch module with named arrays, and says where an answer is not what was declared."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from exporters.arrays import Array, Arrays
from exporters.errors import SpecError
from exporters.spec import Interface, TensorSpec


def call(module: Callable[..., Any], spec: Interface, inputs: Arrays) -> dict[str, Array]:
    """Inputs go by position in declared order; outputs take the declared names in theirs."""
    tensors = [torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs]
    # Triton's own PyTorch backend runs in inference mode, too.
    with torch.inference_mode():
        returned = module(*tensors)
    results = (returned,) if isinstance(returned, Tensor) else returned
    if not isinstance(results, tuple | list) or not all(isinstance(r, Tensor) for r in results):
        raise SpecError(
            f"'{spec.name}' returns {type(returned).__name__}; only a tensor or a tuple of tensors "
            "can be served. Wrap the model in a module that returns those."
        )
    if len(results) != len(spec.outputs):
        raise SpecError(
            f"'{spec.name}' returns {len(results)} outputs and declares {len(spec.outputs)}. "
            "Declare every output, in the order in which `forward` returns them."
        )
    return {
        tensor.name: result.numpy() for tensor, result in zip(spec.outputs, results, strict=True)
    }


def fault(output: TensorSpec, values: Array, *, batch: int) -> str | None:
    """What is wrong with the values of an output, if anything is; batch 0 means no batching."""
    shape = (batch, *output.dims) if batch else output.dims
    if (values.dtype.name, values.shape) != (output.dtype, shape):
        return (
            f"returns '{output.name}' as {values.dtype.name} {list(values.shape)} at batch "
            f"{batch}, where {output.dtype} {list(shape)} is declared"
        )
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        return f"returns {bad} values of '{output.name}' that are NaN or infinite at batch {batch}"
    return None
