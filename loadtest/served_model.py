"""What a model takes, from its own metadata and, where it may be read, its configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.errors import OptionError
from loadtest.traffic import Bounds


@dataclass(frozen=True)
class ServedInput:
    """One input; a size of -1 is for the request to choose."""

    name: str
    datatype: str
    shape: tuple[int, ...]  # with the batch, where the model has one


@dataclass(frozen=True)
class ServedModel:
    """A model as the server describes it. `max_batch_size` is None when it does not tell."""

    name: str
    inputs: tuple[ServedInput, ...]
    max_batch_size: int | None = None
    # Of dynamic axes, by input and axis in its shape: sizes that the configuration names.
    bounds: Mapping[tuple[str, int], Bounds] = field(default_factory=dict)

    @property
    def batches(self) -> bool:
        """Whether the first size of every input is the number of samples."""
        if self.max_batch_size is not None and self.max_batch_size > 0:
            return True
        # Without a batcher a first size that may be chosen is the batch by custom.
        return all(given.shape and given.shape[0] == -1 for given in self.inputs)

    def check_batch(self, batch: int) -> None:
        """Raise OptionError unless a request may hold this many samples."""
        if batch < 1:
            raise OptionError(f"A request of {batch} samples cannot be. Give a batch from 1 on.")
        if self.max_batch_size and batch > self.max_batch_size:
            raise OptionError(
                f"Model {self.name} takes at most {self.max_batch_size} samples a request, "
                f"and the batch is {batch}. Give a smaller one."
            )
        if batch > 1 and not self.batches:
            raise OptionError(
                f"Model {self.name} has no batch dimension, and the batch is {batch}. Give 1."
            )


def served_model(metadata: dict[str, Any], config: dict[str, Any] | None = None) -> ServedModel:
    """Read the answers of `GET /v2/models/NAME` and of `.../config`."""
    inputs = tuple(
        ServedInput(given["name"], given["datatype"], tuple(int(size) for size in given["shape"]))
        for given in metadata["inputs"]
    )
    name = str(metadata.get("name", ""))
    if config is None:
        return ServedModel(name, inputs)
    optional = {given["name"] for given in config.get("input", ()) if given.get("optional")}
    max_batch_size = int(config.get("max_batch_size", 0))
    needed = tuple(given for given in inputs if given.name not in optional)
    bounds = _warmed_up(needed, config.get("model_warmup", ()), with_batch=max_batch_size > 0)
    return ServedModel(name, needed, max_batch_size, bounds)


def _warmed_up(
    inputs: Iterable[ServedInput], warmups: Iterable[dict[str, Any]], *, with_batch: bool
) -> dict[tuple[str, int], Bounds]:
    """The configuration bounds no axis; the sizes that Triton warms a model up with do work."""
    shift = int(with_batch)
    seen: dict[tuple[str, int], list[int]] = {}
    dynamic = {
        (given.name, axis)
        for given in inputs
        for axis, size in enumerate(given.shape)
        if size == -1 and axis >= shift
    }
    for warmup in warmups:
        for name, given in warmup.get("inputs", {}).items():
            for axis, size in enumerate(given.get("dims", ()), shift):
                if (name, axis) in dynamic:
                    seen.setdefault((name, axis), []).append(int(size))
    return {where: Bounds(min(sizes), max(sizes)) for where, sizes in seen.items()}
