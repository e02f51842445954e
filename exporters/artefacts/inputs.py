"""What a finished file is tried with: samples from a file, else random numbers in a sane range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from exporters.arrays import Array
from exporters.declaring.sample_files import SampleFiles
from exporters.errors import SpecError
from exporters.spec import Axis, Interface, Sample, TensorSpec

_SEED = 7
_COUNT = 4
# Long enough for a model that looks at some neighbours.
_LENGTH = 8
# Without a range: what activations and scaled pictures are like, and raw pictures.
_RANGES = {"f": (-1.0, 1.0), "b": (0.0, 1.0), "u": (0.0, 255.0)}

Range = tuple[float, float]


def sample_source(
    interface: Interface, samples: Path | None, ranges: Mapping[str, Range], command: str
) -> SampleFiles | tuple[Sample, ...]:
    """Raises a `SpecError` where whole numbers have neither samples nor a range."""
    if samples is not None:
        return SampleFiles(samples.absolute(), interface.inputs)
    known = [tensor.name for tensor in interface.inputs]
    for name in ranges:
        if name not in known:
            raise SpecError(
                f"--range names '{name}', which is no input; it has {', '.join(known)}."
            )
    unknown = [t.name for t in interface.inputs if t.name not in ranges and _range(t) is None]
    if unknown:
        flags = " ".join(f"--range {name}=0..30521" for name in unknown)
        raise SpecError(
            f"{', '.join(unknown)} takes whole numbers, and no one has said which: an index that "
            "a table does not hold fails or is answered with nonsense. Give real inputs with "
            f"--samples FILE.npz, or the range, with the model's own numbers: {command} {flags}"
        )
    generator = np.random.default_rng(_SEED)
    lengths = _lengths(interface.axes)
    return tuple(
        {
            tensor.name: _draw(generator, tensor, lengths, ranges.get(tensor.name))
            for tensor in interface.inputs
        }
        for _ in range(_COUNT)
    )


def _range(tensor: TensorSpec) -> Range | None:
    if tensor.dtype in ("int8", "int16", "int32", "int64"):
        return None
    return _RANGES[np.dtype(tensor.dtype).kind]


def _lengths(axes: Sequence[Axis]) -> dict[str, int]:
    """Different ones, so that no axis is taken for another."""
    return {
        axis.name: min(axis.max, max(axis.min, _LENGTH + place)) for place, axis in enumerate(axes)
    }


def _draw(
    generator: np.random.Generator,
    tensor: TensorSpec,
    lengths: Mapping[str, int],
    given: Range | None,
) -> Array:
    shape = tuple(lengths[size.name] if isinstance(size, Axis) else size for size in tensor.shape)
    low, high = given or _range(tensor) or (0.0, 0.0)
    if np.dtype(tensor.dtype).kind == "f":
        return np.asarray(generator.uniform(low, high, shape)).astype(tensor.dtype)
    whole = generator.integers(int(low), int(high), shape, endpoint=True)
    return np.asarray(whole).astype(tensor.dtype)
