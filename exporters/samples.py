"""The inputs that a model is compiled and proved with: real ones, and random ones like them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from exporters.arrays import Array, Arrays
from exporters.errors import SpecError
from exporters.spec import ModelSpec, Sample

Item = dict[str, Array]

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


def read_samples(spec: ModelSpec) -> list[Item]:
    given = spec.samples() if callable(spec.samples) else spec.samples
    samples = [_read_sample(spec, sample) for sample in given]
    if not samples:
        raise SpecError(
            f"'{spec.name}' has no samples. Give at least one real input: the artefact is proved "
            "on it, and random inputs take their range from it."
        )
    return samples


def example(spec: ModelSpec, samples: list[Item]) -> Arrays:
    """The inputs that a compiler sees."""
    return _collate(spec, islice(cycle(samples), EXAMPLE_BATCH))


def batches(spec: ModelSpec, samples: list[Item]) -> Iterator[Batch]:
    """Batches of 1, 2, 3 and the most that the model takes, each of real and of random items."""
    stream = cycle(samples)
    random = np.random.default_rng(RANDOM_SEED)
    for size in _sizes(spec.max_batch_size):
        count = max(size, 1)
        yield Batch(size, REAL, _collate(spec, islice(stream, count)))
        fresh = [_random_like(spec, samples, random) for _ in range(count)]
        yield Batch(size, RANDOM, _collate(spec, fresh))


def _read_sample(spec: ModelSpec, sample: Sample) -> Item:
    declared = [tensor.name for tensor in spec.inputs]
    if sorted(sample) != sorted(declared):
        raise SpecError(
            f"A sample of '{spec.name}' has the inputs {', '.join(sorted(sample)) or 'none'}, "
            f"where {', '.join(sorted(declared))} are declared."
        )
    item = {name: np.asarray(sample[name]) for name in declared}
    for tensor in spec.inputs:
        array = item[tensor.name]
        if (array.dtype.name, array.shape) != (tensor.dtype, tensor.dims):
            raise SpecError(
                f"A sample of '{spec.name}' has '{tensor.name}' as {array.dtype.name} "
                f"{list(array.shape)}, where {tensor.dtype} {list(tensor.dims)} is declared. "
                "Samples are single items, without the batch dimension."
            )
    return item


def _sizes(max_batch_size: int) -> list[int]:
    if max_batch_size == 0:
        return [0]
    return sorted({min(size, max_batch_size) for size in (1, 2, 3, max_batch_size)})


def _collate(spec: ModelSpec, items: Iterable[Item]) -> Arrays:
    rows = list(items)
    if not spec.batches:
        return {tensor.name: rows[0][tensor.name].copy() for tensor in spec.inputs}
    return {tensor.name: np.stack([row[tensor.name] for row in rows]) for tensor in spec.inputs}


def _random_like(spec: ModelSpec, samples: list[Item], random: np.random.Generator) -> Item:
    """Uniform over the range that the real samples span, so that an index stays an index."""
    return {
        tensor.name: _uniform([sample[tensor.name] for sample in samples], random)
        for tensor in spec.inputs
    }


def _uniform(values: list[Array], random: np.random.Generator) -> Array:
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    like = values[0]
    if like.dtype.kind == "f":
        return random.uniform(low, high, like.shape).astype(like.dtype)
    return random.integers(int(low), int(high), like.shape, endpoint=True).astype(like.dtype)
