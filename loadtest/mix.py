"""Which request is next: seeded draws by weight over models, batches, tenants and bodies."""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.errors import OptionError
from loadtest.inputs import Tensor, check_dimensions, request_inputs
from loadtest.samples import Samples, read_samples
from loadtest.served_model import ServedModel
from loadtest.traffic import KeyShare, ModelShare, Traffic
from loadtest.transports.answers import Ready

# Drawn once and gone through again and again: a draw costs more than a step in a list.
_DRAWS = 1 << 14


@dataclass(frozen=True)
class Body:
    """The tensors of one request, of one model and batch."""

    model: ModelShare
    batch: int
    tensors: list[Tensor]

    @property
    def name(self) -> str:
        """For people and for Locust's statistics."""
        return f"{self.model.name} batch {self.batch}"


# Makes a body ready for sending, once for each key (the value of the key, or None).
Prepare = Callable[[Body, Sequence[str | None]], Sequence[Ready]]


def mixed(
    traffic: Traffic,
    served: Sequence[ServedModel],
    prepare: Prepare,
    keys: Sequence[str | None],
    *,
    index: int = 0,
) -> Callable[[], Ready]:
    """A function that gives the next request; other processes have other indices.

    `served` is in the order of `traffic.models`, and `keys` in that of `traffic.keys`.
    """
    _check(traffic, served)
    samples = read_samples(Path(traffic.samples)) if traffic.samples else None
    requests: list[Ready] = []
    weights: list[float] = []
    key_weights = [share.weight for share in traffic.keys] or [1.0]
    for share, model in zip(traffic.models, served, strict=True):
        batches_weight = sum(share.batches.values())
        for batch, weight in share.batches.items():
            for turn in range(traffic.pool):
                tensors = _tensors(traffic, model, batch, turn, samples)
                requests += prepare(Body(share, batch, tensors), keys)
                of_body = share.weight * weight / batches_weight / traffic.pool
                weights += [of_body * of_key for of_key in key_weights]
    rng = random.Random(f"{traffic.seed} {index}")
    return itertools.cycle(rng.choices(requests, weights, k=_DRAWS)).__next__


def key_values(keys: Sequence[KeyShare], environment: dict[str, str]) -> list[str | None]:
    """The keys themselves; a single None where requests go without one."""
    for share in keys:
        if not environment.get(share.variable):
            raise OptionError(
                f"The key of tenant {share.tenant} is read from {share.variable}, which is not "
                f"set. Set it: export {share.variable}=ck_…"
            )
    return [environment[share.variable] for share in keys] or [None]


def _tensors(
    traffic: Traffic, model: ServedModel, batch: int, turn: int, samples: Samples | None
) -> list[Tensor]:
    return request_inputs(
        model,
        batch=batch,
        seed=traffic.seed,
        turn=turn,
        dimensions=traffic.dimensions,
        samples=samples,
    )


def _check(traffic: Traffic, served: Sequence[ServedModel]) -> None:
    if not traffic.models:
        raise OptionError("The traffic has no model. Name one.")
    if traffic.pool < 1:
        raise OptionError(f"A pool of {traffic.pool} bodies cannot be. Give one from 1 on.")
    weights = [share.weight for share in traffic.models]
    weights += [share.weight for share in traffic.keys]
    weights += [weight for share in traffic.models for weight in share.batches.values()]
    if min(weights) <= 0 or not all(share.batches for share in traffic.models):
        raise OptionError("Every weight of models, batches and tenants must be above 0.")
    check_dimensions(list(served), traffic.dimensions)
