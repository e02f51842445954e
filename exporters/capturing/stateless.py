"""Refuses a module whose answer depends on anything but its inputs."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from exporters.arrays import Arrays
from exporters.errors import SpecError
from exporters.proving.differences import difference
from exporters.spec import ModelSpec

Ask = Callable[[], Arrays]

DRAWS = 32


def check_stateless(spec: ModelSpec, module: nn.Module, ask: Ask) -> None:
    """`ask` puts one and the same question; raises a `SpecError` if it matters how often."""
    with torch.random.fork_rng(devices=()):
        # The first call may fill caches, which is not a state yet.
        ask()
        before = {name: tensor.clone() for name, tensor in _kept_tensors(module)}
        randomness = torch.get_rng_state()
        first = ask()
        draws = not torch.equal(randomness, torch.get_rng_state())
        changed = [name for name, tensor in _kept_tensors(module) if _changed(before, name, tensor)]
        # Dropout on a few values leaves them the same now and then.
        apart = any(_apart(spec, first, ask()) for _ in range(DRAWS if draws else 1))
    if changed and (spec.batches or apart):
        raise SpecError(
            f"'{spec.name}' keeps state between calls: each call changes '{changed[0]}'. Triton "
            "mixes the requests of different clients, so what one sends would change what another "
            "gets. Take the state as an input and return it as an output."
        )
    if apart and draws:
        raise SpecError(
            f"'{spec.name}' is nondeterministic: two calls with the same inputs give different "
            "answers, because `forward` draws random numbers (dropout that is not switched off, or "
            "noise). No artefact can be proved equal to it. Switch the randomness off for serving, "
            "or take it as an input."
        )
    if apart:
        raise SpecError(
            f"'{spec.name}' keeps state between calls: two calls with the same inputs give "
            "different answers. Let `forward` compute from its inputs and weights alone."
        )


def check_unchanged(spec: ModelSpec, first: Arrays, ask: Ask) -> None:
    """The same question after many others must have the answer that it had at first."""
    if output := _apart(spec, first, ask()):
        raise SpecError(
            f"'{spec.name}' keeps state between calls: '{output}' of the first question is another "
            "one after other questions. Triton mixes the requests of different clients; let "
            "`forward` compute from its inputs and weights alone."
        )


def _apart(spec: ModelSpec, first: Arrays, second: Arrays) -> str | None:
    """The output in which two answers differ, if they do."""
    for output in spec.outputs:
        one, other = first[output.name], second[output.name]
        if one.shape != other.shape or not difference(output, one, other).accepted:
            return output.name
    return None


def _kept_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Buffers, and tensors that are plain attributes."""
    yield from module.named_buffers()
    for path, part in module.named_modules():
        for attribute, value in vars(part).items():
            if isinstance(value, Tensor):
                yield f"{path}.{attribute}" if path else attribute, value


def _changed(before: dict[str, Tensor], name: str, now: Tensor) -> bool:
    was = before.get(name)
    if was is None or was.shape != now.shape or was.dtype != now.dtype:
        return True
    return not bool(((was == now) | ((was != was) & (now != now))).all())
