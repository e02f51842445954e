"""The values of one request: random within the sizes allowed, or from a file of samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loadtest.errors import OptionError
from loadtest.samples import Samples
from loadtest.served_model import ServedInput, ServedModel
from loadtest.tensors import Values, random_values
from loadtest.traffic import Bounds


@dataclass(frozen=True)
class Tensor:
    """An input with the values that a request has for it."""

    name: str
    datatype: str
    values: Values


def request_inputs(
    model: ServedModel,
    *,
    batch: int,
    seed: int,
    turn: int = 0,
    dimensions: Mapping[str, Bounds] | None = None,
    samples: Samples | None = None,
) -> list[Tensor]:
    """What one request holds; the same arguments give the same values.

    Sizes of dynamic axes come from `dimensions`, else from the model's configuration, else are 1.
    Axes with the same bounds get the same size, since inputs of one length mostly belong together.
    """
    model.check_batch(batch)
    rng = np.random.default_rng([seed, turn])
    if samples is not None:
        return [
            Tensor(given.name, given.datatype, samples.values(model, given, batch, turn))
            for given in model.inputs
        ]
    sizes = _Sizes(model, batch, dimensions or {}, rng)
    return [
        Tensor(given.name, given.datatype, random_values(given.datatype, sizes.of(given), rng))
        for given in model.inputs
    ]


def check_dimensions(models: list[ServedModel], dimensions: Mapping[str, Bounds]) -> None:
    """Raise OptionError when a name is of no dynamic axis of any of the models."""
    known = [name for model in models for name in _names(model)]
    for name in dimensions:
        if name not in known:
            dynamic = ", ".join(dict.fromkeys(known)) or "none"
            raise OptionError(f"There is no dynamic axis {name!r}; dynamic are: {dynamic}.")


def _names(model: ServedModel) -> list[str]:
    skipped = int(model.batches)
    return [
        name
        for given in model.inputs
        for axis, size in enumerate(given.shape[skipped:])
        if size == -1
        for name in (given.name, f"{given.name}.{axis}")
    ]


class _Sizes:
    """Draws the sizes of one request."""

    def __init__(
        self,
        model: ServedModel,
        batch: int,
        dimensions: Mapping[str, Bounds],
        rng: np.random.Generator,
    ) -> None:
        self._model = model
        self._batch = batch
        self._dimensions = dimensions
        self._rng = rng
        self._drawn: dict[Bounds, int] = {}

    def of(self, given: ServedInput) -> list[int]:
        shape = list(given.shape)
        skipped = int(self._model.batches)
        if skipped:
            shape[0] = self._batch
        for axis in range(skipped, len(shape)):
            if shape[axis] == -1:
                shape[axis] = self._draw(self._bounds(given.name, axis, skipped))
        return shape

    def _bounds(self, name: str, axis: int, skipped: int) -> Bounds:
        for key in (f"{name}.{axis - skipped}", name):
            if key in self._dimensions:
                return self._dimensions[key]
        return self._model.bounds.get((name, axis), Bounds(1, 1))

    def _draw(self, bounds: Bounds) -> int:
        if bounds not in self._drawn:
            self._drawn[bounds] = int(self._rng.integers(bounds.low, bounds.high, endpoint=True))
        return self._drawn[bounds]
