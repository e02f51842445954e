"""Turns the profiles that were asked for into the shapes that TensorRT optimises for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from exporters.errors import SpecError
from exporters.options import Profile, Range
from exporters.spec import Axis, ModelSpec, TensorSpec

# No axis can have a name with a space.
BATCH = "the batch"
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Shapes:
    """One input in one profile."""

    min: Shape
    opt: Shape
    max: Shape


def resolve(spec: ModelSpec) -> tuple[dict[str, Shapes], ...]:
    """For every profile the shapes of every input; raises a `SpecError` for bounds that do not fit.

    Together the profiles must take every batch and length that the model declares: Triton
    refuses to load an engine that takes less than its configuration promises.
    """
    profiles = spec.tensorrt.profiles
    for number, profile in enumerate(profiles):
        _check(spec, profile, number)
    _check_covered(spec)
    return tuple(
        {tensor.name: _shapes(spec, profile, tensor) for tensor in spec.inputs}
        for profile in profiles
    )


def is_dynamic(spec: ModelSpec) -> bool:
    return bool(_bounds(spec))


def _bounds(spec: ModelSpec) -> dict[str, Range]:
    """Every size that a request chooses, with what it lies between."""
    found = {axis.name: _of_axis(axis) for axis in spec.axes}
    if spec.batches:
        # The dynamic batcher fills batches under load, and load is what kernels are chosen for.
        largest = spec.max_batch_size
        found = {BATCH: Range(min=1, opt=largest, max=largest), **found}
    return found


def _of_axis(axis: Axis) -> Range:
    return Range(min=axis.min, opt=(axis.min + axis.max) // 2, max=axis.max)


def _range(spec: ModelSpec, profile: Profile, name: str) -> Range:
    asked = profile.batch if name == BATCH else profile.axes.get(name)
    return asked or _bounds(spec)[name]


def _check(spec: ModelSpec, profile: Profile, number: int) -> None:
    bounds = _bounds(spec)
    if profile.batch and not spec.batches:
        raise SpecError(
            f"TensorRT profile {number} of '{spec.name}' gives a batch, and the model takes none "
            "(max_batch_size=0). Leave the batch out of the profile."
        )
    unknown = sorted(set(profile.axes) - set(bounds))
    if unknown:
        known = ", ".join(axis.name for axis in spec.axes) or "none"
        raise SpecError(
            f"TensorRT profile {number} of '{spec.name}' names the axis '{unknown[0]}', which no "
            f"input has; the inputs' axes are: {known}."
        )
    for name, whole in bounds.items():
        asked = _range(spec, profile, name)
        if asked.min < whole.min or asked.max > whole.max:
            raise SpecError(
                f"TensorRT profile {number} of '{spec.name}' takes {name} {asked.min} to "
                f"{asked.max}, and the model declares {whole.min} to {whole.max}. Keep the profile "
                "within the model's bounds."
            )


def _check_covered(spec: ModelSpec) -> None:
    """Sizes between two edges of profiles are all taken or all refused, so one of them is asked."""
    bounds = _bounds(spec)
    boxes = [
        {name: _range(spec, profile, name) for name in bounds} for profile in spec.tensorrt.profiles
    ]
    edges = [_edges(whole, [box[name] for box in boxes]) for name, whole in bounds.items()]
    for corner in product(*edges):
        sizes = dict(zip(bounds, corner, strict=True))
        if not any(_takes(box, sizes) for box in boxes):
            lacking = " and ".join(f"{name} {size}" for name, size in sizes.items())
            raise SpecError(
                f"No TensorRT profile of '{spec.name}' takes {lacking}, which the model declares. "
                "Widen a profile, or declare less."
            )


def _edges(whole: Range, asked: list[Range]) -> list[int]:
    found = {whole.min, *(part.min for part in asked), *(part.max + 1 for part in asked)}
    return sorted(size for size in found if size <= whole.max)


def _takes(box: dict[str, Range], sizes: dict[str, int]) -> bool:
    return all(box[name].min <= size <= box[name].max for name, size in sizes.items())


def _shapes(spec: ModelSpec, profile: Profile, tensor: TensorSpec) -> Shapes:
    sizes: list[Range] = [_range(spec, profile, BATCH)] if spec.batches else []
    for size in tensor.shape:
        if isinstance(size, Axis):
            sizes.append(_range(spec, profile, size.name))
        else:
            sizes.append(Range(min=size, opt=size, max=size))
    return Shapes(
        min=tuple(size.min for size in sizes),
        opt=tuple(size.opt for size in sizes),
        max=tuple(size.max for size in sizes),
    )
