"""Reads names, dtypes and shapes of the inputs from the samples and from `forward`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from torch import nn

from exporters.arrays import Array
from exporters.declaring.arguments import arguments
from exporters.declaring.given_samples import given_samples
from exporters.declaring.tensor_text import python_text, toml_text
from exporters.errors import SpecError
from exporters.spec import Axis, Checkpoint, ModelSpec, TensorSpec
from exporters.tensors import TRITON_TYPES

_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def read_inputs(spec: ModelSpec, module: nn.Module) -> tuple[TensorSpec, ...]:
    """In the order of `forward`; raises a `SpecError` for a dimension that changes."""
    samples = given_samples(spec)
    if not samples:
        raise SpecError(
            f"'{spec.name}' declares no inputs, and has no samples to read them from. Give at "
            "least one real input, or declare the inputs."
        )
    names = _argument_order(spec, module, samples[0])
    for sample in samples:
        if sorted(sample) != sorted(names):
            raise SpecError(
                f"The samples of '{spec.name}' do not all have the same inputs: one has "
                f"{', '.join(sorted(sample))}, the first has {', '.join(sorted(names))}."
            )
    values = {name: [sample[name] for sample in samples] for name in names}
    _check_alike(spec, values)
    return tuple(
        TensorSpec(name=name, dtype=arrays[0].dtype.name, shape=arrays[0].shape)
        for name, arrays in values.items()
    )


def _argument_order(spec: ModelSpec, module: nn.Module, sample: Mapping[str, Array]) -> list[str]:
    known = [p for p in arguments(module) if p.kind not in _MANY]
    names = [parameter.name for parameter in known]
    needed = [parameter.name for parameter in known if parameter.default is parameter.empty]
    if set(sample) - set(names) or set(needed) - set(sample):
        raise SpecError(
            f"The samples of '{spec.name}' have the inputs {', '.join(sample) or 'none'}, but "
            f"`forward` takes {', '.join(names) or 'no named arguments'}. Name the values of a "
            "sample after the arguments, or declare the inputs."
        )
    order = [name for name in names if name in sample]
    if order != names[: len(order)]:
        skipped = next(name for name in names if name not in sample)
        raise SpecError(
            f"The samples of '{spec.name}' leave out '{skipped}' and give {order[-1]}, which comes "
            f"after it in `forward({', '.join(names)})`. Inputs are passed by position: give "
            f"'{skipped}', too, or wrap the model in a module that takes only what is served."
        )
    return order


def _check_alike(spec: ModelSpec, values: Mapping[str, Sequence[Array]]) -> None:
    for name, arrays in values.items():
        types = sorted({array.dtype.name for array in arrays})
        if len(types) > 1 or types[0] not in TRITON_TYPES:
            raise SpecError(
                f"The samples of '{spec.name}' have '{name}' as {', '.join(types)}; an input has "
                f"one dtype, of {', '.join(TRITON_TYPES)}. Convert the samples."
            )
        if len({array.ndim for array in arrays}) > 1:
            shapes = ", ".join(map(str, sorted({array.shape for array in arrays})[:4]))
            raise SpecError(
                f"The samples of '{spec.name}' have '{name}' with the shapes {shapes}. Samples are "
                "single items, without the batch dimension, and all have the same number of "
                "dimensions."
            )
    suggested = _suggested(values)
    if suggested:
        write = toml_text if isinstance(spec.build, Checkpoint) else python_text
        raise SpecError(
            f"The samples of '{spec.name}' have different shapes. A dimension that changes is "
            "declared as an Axis, with the bounds that are to be served; the samples go this "
            f"far:\n\n{write(suggested, 'inputs')}\n"
        )


def _suggested(values: Mapping[str, Sequence[Array]]) -> list[TensorSpec]:
    """Inputs with an axis for every dimension that changes; those that change alike share one."""
    axes: dict[tuple[int, ...], Axis] = {}
    tensors = []
    for name, arrays in values.items():
        shape: list[int | Axis] = []
        for sizes in zip(*(array.shape for array in arrays), strict=True):
            if len(set(sizes)) == 1:
                shape.append(sizes[0])
                continue
            number = "" if not axes else f"_{len(axes) + 1}"
            axis = Axis(name=f"length{number}", min=max(min(sizes), 1), max=max(sizes))
            shape.append(axes.setdefault(sizes, axis))
        tensors.append(TensorSpec(name=name, dtype=arrays[0].dtype.name, shape=tuple(shape)))
    return tensors if axes else []
