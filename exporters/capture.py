"""Builds the declared module and the inputs that it is compiled and proved with."""

import hashlib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
import torch
from torch import Tensor, nn

from exporters.arrays import Array, Arrays
from exporters.errors import SpecError
from exporters.spec import ModelSpec, Sample

RANDOM_SEED = 7
# Compilers take a dimension of 1 for a constant, so an example never has a batch of one.
EXAMPLE_BATCH = 2
REAL, RANDOM = "real", "random"


@dataclass(frozen=True)
class Batch:
    """Inputs of one run; size 0 is one item for a model that takes no batches."""

    size: int
    data: str
    inputs: Arrays


@dataclass(frozen=True)
class Captured:
    """The eager module, the example it is compiled with, and what it is proved on."""

    module: nn.Module
    example: tuple[Tensor, ...]
    batches: list[Batch]
    weights_sha256: str


def capture(spec: ModelSpec) -> Captured:
    module = spec.build().eval()
    _check_argument_order(spec, module)
    samples = _read_samples(spec)
    example = _collate(spec, islice(cycle(samples), EXAMPLE_BATCH))
    return Captured(
        module=module,
        example=tuple(torch.from_numpy(example[tensor.name]) for tensor in spec.inputs),
        batches=list(_batches(spec, samples)),
        weights_sha256=_hash_weights(module),
    )


def _check_argument_order(spec: ModelSpec, module: nn.Module) -> None:
    """Inputs are passed by position here, but Triton passes those of TorchScript by name."""
    declared = [tensor.name for tensor in spec.inputs]
    arguments = list(inspect.signature(module.forward).parameters)
    named = [argument for argument in arguments if argument in declared]
    if len(named) == len(declared) and named != declared:
        raise SpecError(
            f"'{spec.name}' declares the inputs {', '.join(declared)}, but `forward` takes "
            f"{', '.join(named)}. Declare them in the order of `forward`."
        )


def _read_samples(spec: ModelSpec) -> list[dict[str, Array]]:
    given = spec.samples() if callable(spec.samples) else spec.samples
    samples = [_read_sample(spec, sample) for sample in given]
    if not samples:
        raise SpecError(
            f"'{spec.name}' has no samples. Give at least one real input: the artefact is proved "
            "on it, and random inputs take their range from it."
        )
    return samples


def _read_sample(spec: ModelSpec, sample: Sample) -> dict[str, Array]:
    declared = [tensor.name for tensor in spec.inputs]
    if sorted(sample) != sorted(declared):
        raise SpecError(
            f"A sample of '{spec.name}' has the inputs {', '.join(sorted(sample)) or 'none'}, "
            f"where {', '.join(sorted(declared))} are declared."
        )
    arrays = {name: np.asarray(sample[name]) for name in declared}
    for tensor in spec.inputs:
        array = arrays[tensor.name]
        if (array.dtype.name, array.shape) != (tensor.dtype, tensor.shape):
            raise SpecError(
                f"A sample of '{spec.name}' has '{tensor.name}' as {array.dtype.name} "
                f"{list(array.shape)}, where {tensor.dtype} {list(tensor.shape)} is declared. "
                "Samples are single items, without the batch dimension."
            )
    return arrays


def _batches(spec: ModelSpec, samples: list[dict[str, Array]]) -> Iterator[Batch]:
    stream = cycle(samples)
    random = np.random.default_rng(RANDOM_SEED)
    for size in _sizes(spec.max_batch_size):
        count = max(size, 1)
        yield Batch(size, REAL, _collate(spec, islice(stream, count)))
        fresh = [_random_like(spec, samples, random) for _ in range(count)]
        yield Batch(size, RANDOM, _collate(spec, fresh))


def _sizes(max_batch_size: int) -> list[int]:
    if max_batch_size == 0:
        return [0]
    return sorted({min(size, max_batch_size) for size in (1, 2, 3, max_batch_size)})


def _collate(spec: ModelSpec, samples: Iterable[dict[str, Array]]) -> dict[str, Array]:
    rows = list(samples)
    if not spec.batches:
        return {tensor.name: rows[0][tensor.name].copy() for tensor in spec.inputs}
    return {tensor.name: np.stack([row[tensor.name] for row in rows]) for tensor in spec.inputs}


def _random_like(
    spec: ModelSpec, samples: list[dict[str, Array]], random: np.random.Generator
) -> dict[str, Array]:
    """Uniform over the range that the real samples span, so that an index stays an index."""
    drawn: dict[str, Array] = {}
    for tensor in spec.inputs:
        values = [sample[tensor.name] for sample in samples]
        low, high = min(v.min() for v in values), max(v.max() for v in values)
        if values[0].dtype.kind == "f":
            drawn[tensor.name] = random.uniform(low, high, tensor.shape).astype(tensor.dtype)
        else:
            drawn[tensor.name] = random.integers(
                int(low), int(high), tensor.shape, endpoint=True
            ).astype(tensor.dtype)
    return drawn


def _hash_weights(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
