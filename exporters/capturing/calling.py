"""Calls a torch module with named arrays, and says where an answer is not what was declared."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from exporters.arrays import Array, Arrays
from exporters.capturing.lengths import shape_at
from exporters.capturing.samples import Batch
from exporters.declaring.arguments import arguments
from exporters.errors import SpecError
from exporters.spec import ANY, Axis, Interface, TensorSpec


def call(module: Callable[..., Any], spec: Interface, inputs: Arrays) -> dict[str, Array]:
    """Inputs go by position in declared order; outputs take the declared names in theirs."""
    # Copies both ways: a module may write into what it is given, or return it.
    tensors = [torch.from_numpy(inputs[tensor.name].copy()) for tensor in spec.inputs]
    # Not inference mode: what a module keeps for later calls could then not be traced.
    with torch.no_grad():
        results = in_declared_order(module(*tensors), spec)
    return {
        tensor.name: _array(spec, tensor, result)
        for tensor, result in zip(spec.outputs, results, strict=True)
    }


def check_arguments(module: nn.Module, spec: Interface) -> None:
    """Raises a `SpecError` where `forward` needs more than is declared, or takes less."""
    parameters = arguments(module)
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return
    known = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    rest = known[len(spec.inputs) :]
    if needed := [parameter.name for parameter in rest if parameter.default is parameter.empty]:
        raise SpecError(
            f"'{spec.name}' declares {len(spec.inputs)} inputs, and its `forward` needs "
            f"{', '.join(needed)} besides. Declare them, in the order of `forward`, or wrap the "
            "model in a module that fills them in."
        )
    if len(spec.inputs) > len(known):
        raise SpecError(
            f"'{spec.name}' declares {len(spec.inputs)} inputs, and its `forward` takes "
            f"{', '.join(parameter.name for parameter in known) or 'none'}. Declare what it takes, "
            "in that order."
        )


def in_declared_order(returned: object, spec: Interface) -> Sequence[Tensor]:
    """The tensors of what `forward` returned; a mapping or named tuple says itself which is which.

    Raises a `SpecError` for what cannot be served, or is not what was declared.
    """
    declared = [tensor.name for tensor in spec.outputs]
    named = named_results(returned)
    if named is not None and sorted(named) == sorted(declared):
        returned = tuple(named[name] for name in declared)
    elif isinstance(returned, Mapping):
        raise SpecError(
            f"'{spec.name}' returns a mapping with the keys {', '.join(map(str, returned))}, where "
            f"the outputs {', '.join(declared)} are declared. Declare every key by its name."
        )
    results = (returned,) if isinstance(returned, Tensor) else returned
    if not isinstance(results, tuple | list) or not all(isinstance(r, Tensor) for r in results):
        raise SpecError(
            f"'{spec.name}' returns {_kind(returned)}; only a tensor, or a tuple or mapping of "
            "tensors, can be served. Wrap the model in a module that returns those."
        )
    if len(results) != len(declared):
        raise SpecError(
            f"'{spec.name}' returns {len(results)} outputs and declares {len(declared)}. "
            "Declare every output, in the order in which `forward` returns them."
        )
    return results


def named_results(returned: object) -> Mapping[str, Any] | None:
    """Results by the names that they came with, if they came with names."""
    if isinstance(returned, Mapping):
        return returned
    fields = getattr(returned, "_fields", None)
    if isinstance(returned, tuple) and fields:
        return dict(zip(fields, returned, strict=True))
    return None


def fault(output: TensorSpec, values: Array, batch: Batch) -> str | None:
    """What is wrong with the type or the shape of an output, if anything is."""
    wanted = shape_at(output, batch.lengths)
    found = values.shape
    if batch.size and found[:1] != (batch.size,):
        return (
            f"returns '{output.name}' as {list(found)} at {batch}: its first dimension is not the "
            "batch"
        )
    if values.dtype.name != output.dtype or not _fits(output, wanted, found[bool(batch.size) :]):
        shape = (batch.size, *wanted) if batch.size else wanted
        return (
            f"returns '{output.name}' as {values.dtype.name} {list(found)} at {batch}, where "
            f"{output.dtype} {list(shape)} is declared"
        )
    return None


def not_finite(values: Array) -> int:
    """How many values are NaN or infinite."""
    return values.size - int(np.count_nonzero(np.isfinite(values)))


def _fits(output: TensorSpec, wanted: tuple[int, ...], found: tuple[int, ...]) -> bool:
    return len(wanted) == len(found) and all(
        _length_fits(size, length, actual)
        for size, length, actual in zip(output.shape, wanted, found, strict=True)
    )


def _length_fits(size: int | Axis, wanted: int, found: int) -> bool:
    if wanted != ANY:
        return wanted == found
    # An axis that no input has: only its bounds are declared.
    return not isinstance(size, Axis) or size.min <= found <= size.max


def _array(spec: Interface, output: TensorSpec, result: Tensor) -> Array:
    try:
        # As torch stores it, the answer may share memory with the module or its inputs.
        return result.detach().numpy().copy()
    except (TypeError, RuntimeError) as error:
        raise SpecError(
            f"'{spec.name}' returns '{output.name}' as {result.dtype} on {result.device} "
            f"({result.layout}), which has no plain array. Let `forward` return a dense tensor on "
            f"the CPU, for instance with `.to(torch.{output.dtype})`."
        ) from error


def _kind(returned: object) -> str:
    if isinstance(returned, tuple | list):
        kinds = ", ".join(type(result).__name__ for result in returned)
        return f"a {type(returned).__name__} of {kinds}"
    return type(returned).__name__
