"""The inputs that a model is compiled and proved with: real ones, and random ones like them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle, islice

import numpy as np

from exporters.arrays import Array, Arrays
from exporters.capturing.lengths import (
    EXAMPLE_BATCH,
    Lengths,
    equal_lengths,
    example_lengths,
    further_lengths,
    lengths_in_a_row,
    shape_at,
)
from exporters.capturing.meanings import is_mask, limits
from exporters.declaring.given_samples import Item, given_samples
from exporters.errors import SpecError
from exporters.spec import Axis, ModelSpec, TensorSpec

__all__ = [
    "Batch",
    "Item",
    "Randoms",
    "batches",
    "example",
    "lengths_seen",
    "read_samples",
    "timed_batches",
    "uneven",
]

RANDOM_SEEDS = (7, 8, 9)
REAL = "real"
UNEVEN = "real, the last one faint,"
# A whisper beside a shout: 80 decibels.
FAINT = 1e-4
# How many of the lengths that the samples have are run.
SAMPLE_LENGTHS = 8
# Batches at which a length is proved that no sample has; the largest one is proved at theirs.
FURTHER_BATCHES = (1, 3)
TIMED_BATCHES = (1, 8, 64)

_ITEM = "Samples are single items, without the batch dimension."
_WHOLE = "Requests are not batched here, so a sample has the whole shape."


@dataclass(frozen=True)
class Batch:
    """Inputs of one run; size 0 is one item for a model that takes no batches."""

    size: int
    data: str
    inputs: Arrays
    lengths: Lengths = field(default_factory=dict)
    further: str = ""
    """The axis that has a length here which no sample has."""

    randoms: "Randoms | None" = None
    """Where the inputs were drawn, if they were."""

    def __str__(self) -> str:
        """`batch 3 and length 17 on random, seed 7 inputs`"""
        sizes = [f"batch {self.size}", *(f"{name} {size}" for name, size in self.lengths.items())]
        return f"{' and '.join(sizes)} on {self.data} inputs"

    def redrawn(self) -> "Batch | None":
        """The same question with other random values; None for real ones."""
        if self.randoms is None:
            return None
        return self.randoms.batch(self.size, self.lengths, further=self.further)


def read_samples(spec: ModelSpec) -> list[Item]:
    samples = [_read_sample(spec, sample) for sample in given_samples(spec)]
    if not samples:
        raise SpecError(
            f"'{spec.name}' has no samples. Give at least one real input: the artefact is proved "
            "on it, and random inputs take their range from it."
        )
    return samples


def lengths_seen(spec: ModelSpec, samples: list[Item]) -> list[Lengths]:
    """Every combination of lengths that the samples have, once."""
    return [lengths for lengths, _ in _by_lengths(spec, samples)]


def example(spec: ModelSpec, samples: list[Item]) -> Arrays:
    """The inputs that a compiler sees."""
    groups = _by_lengths(spec, samples)
    wanted = example_lengths(spec, [lengths for lengths, _ in groups])
    for lengths, items in groups:
        if lengths == wanted:
            return _collate(spec, islice(cycle(items), EXAMPLE_BATCH))
    return Randoms(spec, samples, RANDOM_SEEDS[0]).inputs(EXAMPLE_BATCH, wanted)


def batches(spec: ModelSpec, samples: list[Item]) -> Iterator[Batch]:
    """What a model is asked: at the samples' lengths first, then at lengths that no sample has."""
    randoms = [Randoms(spec, samples, seed) for seed in RANDOM_SEEDS]
    yield from _at_sample_lengths(spec, samples, randoms)
    seen = lengths_seen(spec, samples)
    for axis in spec.axes:
        for length in further_lengths(spec, axis, seen):
            lengths = {**seen[0], axis.name: length}
            for size in _sizes(spec, FURTHER_BATCHES):
                yield randoms[0].batch(size, lengths, further=axis.name)
        for length in lengths_in_a_row(spec, axis, seen):
            alone = {**seen[0], axis.name: length}
            yield randoms[0].batch(_sizes(spec, (1,))[0], alone, further=axis.name)
    for equal in equal_lengths(spec, seen):
        yield randoms[0].batch(_sizes(spec, (1,))[0], equal, further=spec.axes[0].name)


def uneven(asked: Iterable[Batch]) -> Batch | None:
    """The first real batch of several items, with the last one turned down to almost nothing.

    Items that are measured against the loudest or brightest of their batch show it only so.
    """
    for batch in asked:
        if batch.data == REAL and batch.size > 1:
            inputs = {name: _last_faint(array) for name, array in batch.inputs.items()}
            return replace(batch, data=UNEVEN, inputs=inputs)
    return None


def timed_batches(spec: ModelSpec, samples: list[Item]) -> dict[int, Arrays]:
    """Inputs for every batch size that is timed; without batching it is one item."""
    _, items = _by_lengths(spec, samples)[0]
    return {
        max(size, 1): _collate(spec, islice(cycle(items), max(size, 1)))
        for size in _sizes(spec, TIMED_BATCHES)
    }


class Randoms:
    """Uniform over the range that the real samples span, so that an index stays an index.

    What no client would send is not drawn: a mask that hides all, or more items than there are.
    """

    def __init__(self, spec: ModelSpec, samples: list[Item], seed: int) -> None:
        self._spec = spec
        self._data = f"random, seed {seed}"
        self._generator = np.random.default_rng(seed)
        self._samples = samples
        self._ranges = {
            tensor.name: _range([sample[tensor.name] for sample in samples])
            for tensor in spec.inputs
        }
        self._limits = {
            tensor.name: tuple(limits(spec, tensor.name, samples)) for tensor in spec.inputs
        }
        self._masks = {tensor.name for tensor in spec.inputs if is_mask(tensor.name, samples)}

    def batch(self, size: int, lengths: Lengths, *, further: str = "") -> Batch:
        inputs = self.inputs(max(size, 1), lengths)
        return Batch(size, self._data, inputs, lengths, further, self)

    def inputs(self, count: int, lengths: Lengths) -> Arrays:
        """`count` items, each drawn afresh."""
        return _collate(self._spec, [self._item(lengths) for _ in range(count)])

    def _item(self, lengths: Lengths) -> Item:
        sample = self._samples[self._generator.integers(len(self._samples))]
        return {
            tensor.name: self._draw(tensor, sample[tensor.name], lengths)
            for tensor in self._spec.inputs
        }

    def _draw(self, tensor: TensorSpec, real: Array, lengths: Lengths) -> Array:
        shape = shape_at(tensor, lengths)
        low, high = self._ranges[tensor.name]
        if np.dtype(tensor.dtype).kind == "f":
            return np.asarray(self._generator.uniform(low, high, shape)).astype(tensor.dtype)
        drawn = self._generator.integers(int(low), int(high), shape, endpoint=True)
        for limit in self._limits[tensor.name]:
            drawn = np.minimum(drawn, limit.at(lengths))
        drawn = np.asarray(drawn).astype(tensor.dtype)
        if tensor.name in self._masks:
            drawn[..., 0] = np.maximum(drawn[..., 0], real[(0,) * real.ndim])
        return drawn


def _at_sample_lengths(
    spec: ModelSpec, samples: list[Item], randoms: list[Randoms]
) -> Iterator[Batch]:
    """Every batch size, each at the next of the samples' lengths, and every length at some size."""
    sizes = _sizes(spec, (1, 2, 3, spec.max_batch_size))
    groups = _by_lengths(spec, samples)
    streams = [(lengths, cycle(items)) for lengths, items in groups]
    for run in range(max(len(sizes), min(len(groups), SAMPLE_LENGTHS))):
        size = sizes[run] if run < len(sizes) else sizes[0]
        lengths, stream = streams[run % len(streams)]
        yield Batch(size, REAL, _collate(spec, islice(stream, max(size, 1))), lengths)
        if run < len(sizes):
            yield from (random.batch(size, lengths) for random in randoms)


def _read_sample(spec: ModelSpec, sample: Item) -> Item:
    declared = [tensor.name for tensor in spec.inputs]
    if sorted(sample) != sorted(declared):
        raise SpecError(
            f"A sample of '{spec.name}' has the inputs {', '.join(sorted(sample)) or 'none'}, "
            f"where {', '.join(sorted(declared))} are declared."
        )
    item = {name: sample[name] for name in declared}
    lengths: dict[str, tuple[str, int]] = {}
    for tensor in spec.inputs:
        array = item[tensor.name]
        if array.dtype.name != tensor.dtype or not _fits(tensor, array.shape):
            raise SpecError(
                f"A sample of '{spec.name}' has '{tensor.name}' as {array.dtype.name} "
                f"{list(array.shape)}, where {tensor.dtype} {_declared_shape(tensor)} is declared. "
                f"{_ITEM if spec.batches else _WHOLE}"
            )
        for axis, length in _axes_of(tensor, array.shape):
            other, first = lengths.setdefault(axis.name, (tensor.name, length))
            if first != length:
                raise SpecError(
                    f"A sample of '{spec.name}' has axis '{axis.name}' at {first} in '{other}' and "
                    f"at {length} in '{tensor.name}'. An axis has one length in a request; give "
                    "the two different names if they differ."
                )
    return item


def _fits(tensor: TensorSpec, shape: tuple[int, ...]) -> bool:
    return len(shape) == len(tensor.shape) and all(
        size.min <= found <= size.max if isinstance(size, Axis) else size == found
        for size, found in zip(tensor.shape, shape, strict=True)
    )


def _declared_shape(tensor: TensorSpec) -> str:
    return str(
        [
            f"{size.name} {size.min}..{size.max}" if isinstance(size, Axis) else size
            for size in tensor.shape
        ]
    ).replace("'", "")


def _axes_of(tensor: TensorSpec, shape: tuple[int, ...]) -> Iterator[tuple[Axis, int]]:
    for size, found in zip(tensor.shape, shape, strict=True):
        if isinstance(size, Axis):
            yield size, found


def _last_faint(array: Array) -> Array:
    """Signals and pictures; whole numbers with a sign may be indices, which have no loudness."""
    faint = array.copy()
    if array.dtype.kind in "fu":
        faint[-1] = (faint[-1] * FAINT).astype(array.dtype)
    return faint


def _by_lengths(spec: ModelSpec, samples: list[Item]) -> list[tuple[Lengths, list[Item]]]:
    """A batch has one length for each axis, so only samples of equal lengths can share one."""
    groups: dict[tuple[int, ...], tuple[Mapping[str, int], list[Item]]] = {}
    for item in samples:
        lengths = {
            axis.name: length
            for tensor in spec.inputs
            for axis, length in _axes_of(tensor, item[tensor.name].shape)
        }
        groups.setdefault(tuple(lengths.values()), (lengths, []))[1].append(item)
    return list(groups.values())


def _sizes(spec: ModelSpec, wanted: Iterable[int]) -> list[int]:
    if not spec.batches:
        return [0]
    return sorted({min(size, spec.max_batch_size) for size in wanted})


def _collate(spec: ModelSpec, items: Iterable[Item]) -> Arrays:
    rows = list(items)
    if not spec.batches:
        return {tensor.name: rows[0][tensor.name].copy() for tensor in spec.inputs}
    # A stack keeps the order in memory of samples that were transposed, such as pictures with
    # their channels brought first, and compilers fix it; every request is in plain order.
    return {
        tensor.name: np.ascontiguousarray(np.stack([row[tensor.name] for row in rows]))
        for tensor in spec.inputs
    }


def _range(values: list[Array]) -> tuple[float, float]:
    if values[0].dtype.kind == "b":
        return 0, 1
    if values[0].dtype.kind != "f":
        return min(int(v.min()) for v in values), max(int(v.max()) for v in values)
    finite = [v[np.isfinite(v)] for v in values]
    known = [v for v in finite if v.size]
    if not known:
        return 0.0, 1.0
    return min(float(v.min()) for v in known), max(float(v.max()) for v in known)
