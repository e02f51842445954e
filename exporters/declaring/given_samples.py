"""The samples of a declaration as plain arrays, whatever their author made them of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from exporters.arrays import Array
from exporters.declaring.import_path import raised
from exporters.errors import ExportError, SpecError
from exporters.spec import ModelSpec

Item = dict[str, Array]


def given_samples(spec: ModelSpec) -> list[Item]:
    """Raises a `SpecError` for what is no mapping of names to numbers."""
    try:
        given = list(spec.samples() if callable(spec.samples) else spec.samples)
    except ExportError:
        raise
    except Exception as error:  # whatever the author's code raises
        raise SpecError(
            f"`samples` of '{spec.name}' fails: {raised(error)} It must return real inputs, for "
            "each item a mapping of the inputs' names to arrays."
        ) from error
    return [_item(spec, sample) for sample in given]


def _item(spec: ModelSpec, sample: object) -> Item:
    if not isinstance(sample, Mapping):
        raise SpecError(
            f"A sample of '{spec.name}' is a {type(sample).__name__}; write a mapping of the "
            'inputs\' names to arrays: {"x": x}.'
        )
    return {str(name): _array(spec, name, value) for name, value in sample.items()}


def _array(spec: ModelSpec, name: object, value: object) -> Array:
    # A tensor that trains, or lies on a GPU, has no plain array.
    plain = value.detach().cpu() if hasattr(value, "detach") else value
    try:
        return np.asarray(plain)
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"A sample of '{spec.name}' has '{name}' as {getattr(value, 'dtype', value)}, which "
            f"makes no array: {str(error).rstrip('.')}. Give numbers of one shape in a dtype that "
            "numpy has."
        ) from error
