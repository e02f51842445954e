"""Reads names, dtypes and shapes of the outputs from calls on the first sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from exporters.arrays import Arrays
from exporters.capturing.calling import check_arguments, named_results
from exporters.capturing.lengths import Lengths
from exporters.capturing.samples import RANDOM_SEEDS, Item, Randoms, lengths_seen, read_samples
from exporters.declaring.import_path import raised
from exporters.errors import SpecError
from exporters.spec import ANY, Axis, ModelSpec, TensorSpec
from exporters.tensors import TRITON_TYPES

# Two batch sizes: which dimension is the batch is seen, not guessed.
_BATCHES = (2, 1)
# For each axis another length of it, and what the model returns there.
Longer = Mapping[str, tuple[int, Mapping[str, Tensor]]]


def read_outputs(spec: ModelSpec, module: nn.Module) -> tuple[TensorSpec, ...]:
    """In the order of `forward`; a dimension that follows an axis of the inputs is that axis."""
    check_arguments(module, spec)
    samples = read_samples(spec)
    lengths = lengths_seen(spec, samples)[0]
    first = samples[0]
    batches = _BATCHES if spec.batches else (0,)
    if spec.batches and spec.max_batch_size < max(_BATCHES):
        batches = (spec.max_batch_size,)
    runs = [_call(spec, module, _batch(first, size)) for size in batches]
    for output in runs[0]:
        _check_batch(spec, output, batches, [run[output].shape for run in runs])
    longer = _longer(spec, module, samples, lengths, batches[0])
    return tuple(
        _output(spec, name, lengths, [run[name] for run in runs], longer) for name in runs[0]
    )


def _batch(item: Item, size: int) -> Arrays:
    return {name: np.stack([array] * size) if size else array for name, array in item.items()}


def _longer(
    spec: ModelSpec, module: nn.Module, samples: list[Item], lengths: Lengths, batch: int
) -> Longer:
    """One more call for each axis, at another length of it."""
    randoms = Randoms(spec, samples, RANDOM_SEEDS[0])
    found: dict[str, tuple[int, Mapping[str, Tensor]]] = {}
    for axis in spec.axes:
        now = lengths[axis.name]
        # Far away: with a stride or a hop, the next length may still give as many steps.
        candidates = (min(axis.max, 2 * now), max(axis.min, now // 2))
        other = max(candidates, key=lambda length: abs(length - now))
        inputs = randoms.batch(batch, {**lengths, axis.name: other}).inputs
        found[axis.name] = (other, _call(spec, module, inputs))
    return found


def _call(spec: ModelSpec, module: nn.Module, inputs: Arrays) -> dict[str, Tensor]:
    tensors = [torch.from_numpy(inputs[tensor.name].copy()) for tensor in spec.inputs]
    try:
        with torch.no_grad():
            returned = module(*tensors)
    except Exception as error:  # whatever the author's code raises
        shapes = ", ".join(
            f"{tensor.name} {list(inputs[tensor.name].shape)}" for tensor in spec.inputs
        )
        raise SpecError(
            f"'{spec.name}' fails when it is called with {shapes}: {raised(error)} Check the "
            "samples: each is one item, without the batch dimension, in the dtype that `forward` "
            "expects."
        ) from error
    return _named(spec, returned)


def _named(spec: ModelSpec, returned: object) -> dict[str, Tensor]:
    if isinstance(returned, Tensor):
        return {"output": returned}
    named = named_results(returned)
    if named is None and isinstance(returned, tuple | list):
        named = {f"output_{number}": result for number, result in enumerate(returned)}
    if not named or not all(isinstance(result, Tensor) for result in named.values()):
        kinds = ", ".join(
            f"{name}: {type(value).__name__}" for name, value in (named or {}).items()
        )
        raise SpecError(
            f"'{spec.name}' returns {type(returned).__name__}{f' ({kinds})' if kinds else ''}; "
            "only a tensor, or a tuple or mapping of tensors, can be served. Wrap the model in a "
            "module that returns those."
        )
    return dict(named)


def _check_batch(
    spec: ModelSpec, output: str, batches: Sequence[int], shapes: Sequence[tuple[int, ...]]
) -> None:
    if not spec.batches or all(
        shape[:1] == (batch,) for batch, shape in zip(batches, shapes, strict=True)
    ):
        return
    found = " and ".join(
        f"{list(shape)} at batch {batch}" for batch, shape in zip(batches, shapes, strict=True)
    )
    where = [
        place
        for place, sizes in enumerate(zip(*shapes, strict=False))
        if sizes == tuple(batches) and len(sizes) > 1
    ]
    hint = (
        f"Its batch is dimension {where[0]}: return it with that one first"
        if where
        else ("Let `forward` keep the first dimension of its input")
    )
    raise SpecError(
        f"'{spec.name}' returns '{output}' as {found}: its first dimension is not the batch. "
        f"{hint}, or set max_batch_size=0."
    )


def _output(
    spec: ModelSpec,
    name: str,
    lengths: Lengths,
    results: Sequence[Tensor],
    longer: Longer,
) -> TensorSpec:
    dtype = str(results[0].dtype).removeprefix("torch.")
    if dtype not in TRITON_TYPES:
        raise SpecError(
            f"'{spec.name}' returns '{name}' as {dtype}, which Conch does not serve. Convert it in "
            f"`forward`, for instance with .float(); served are {', '.join(TRITON_TYPES)}."
        )
    axes = {axis.name: axis for axis in spec.axes}
    first = int(spec.batches)
    shape: list[int | Axis] = []
    for place in range(first, results[0].ndim):
        size = results[0].shape[place]
        moved = [
            axis
            for axis, (_, run) in longer.items()
            if run[name].ndim != results[0].ndim or run[name].shape[place] != size
        ]
        if not moved and all(result.shape[place] == size for result in results):
            shape.append(size)
        elif len(moved) == 1 and _follows(name, place, size, lengths[moved[0]], longer[moved[0]]):
            shape.append(axes[moved[0]])
        else:
            shape.append(ANY)
    return TensorSpec(name=name, dtype=dtype, shape=tuple(shape))


def _follows(
    name: str, place: int, size: int, length: int, longer: tuple[int, Mapping[str, Tensor]]
) -> bool:
    other, run = longer
    return size == length and run[name].shape[place] == other
