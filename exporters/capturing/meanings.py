"""What the samples show of an input's meaning: a mask of what counts, or a number of steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exporters.arrays import Array
from exporters.capturing.lengths import Lengths
from exporters.spec import Axis, ModelSpec

Items = Sequence[Mapping[str, Array]]


@dataclass(frozen=True)
class Limit:
    """What no sample exceeds: a count of an axis' steps, or a place among them."""

    axis: str
    below: int
    """1 where no sample reaches the length itself, as a place does not."""

    least: int

    def at(self, lengths: Lengths) -> int:
        """The most that a client would send there."""
        length = lengths[self.axis]
        return max(length - self.below, min(self.least, length))


def limits(spec: ModelSpec, name: str, samples: Items) -> Iterator[Limit]:
    """Of whole numbers only; every axis that none of the samples exceeds."""
    if samples[0][name].dtype.kind not in "iu" or not all(s[name].size for s in samples):
        return
    least = min(int(sample[name].min()) for sample in samples)
    for axis in spec.axes:
        left = min(_length(spec, axis, sample) - int(sample[name].max()) for sample in samples)
        if left >= 0:
            yield Limit(axis.name, min(left, 1), least)


def is_mask(name: str, samples: Items) -> bool:
    """Ones and zeros along some dimension."""
    return samples[0][name].ndim > 0 and all(
        bool(np.isin(sample[name], (0, 1)).all()) for sample in samples
    )


def _length(spec: ModelSpec, axis: Axis, sample: Mapping[str, Array]) -> int:
    return next(
        found
        for tensor in spec.inputs
        for size, found in zip(tensor.shape, sample[tensor.name].shape, strict=True)
        if size == axis
    )
