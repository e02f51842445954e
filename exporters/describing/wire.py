"""The tensor names that clients use, where a backend knows no others than its own."""

import re
from collections.abc import Sequence

from exporters.errors import SpecError
from exporters.formats import Format
from exporters.tensors import Interface, TensorSpec

_NUMBER = re.compile(r"__(\d+)$")


def wire_interface(interface: Interface, format: Format) -> Interface:
    """The interface as it is served.

    Triton's AOTInductor backend has no names but INPUT__0, OUTPUT__0 and so on. The embedded
    server could keep the declared ones, but then a client would have to know where its model runs.
    """
    if not format.ORDINAL_NAMES:
        return interface
    return interface.model_copy(
        update={
            "inputs": _numbered("INPUT", interface.inputs),
            "outputs": _numbered("OUTPUT", interface.outputs),
        }
    )


def check_numbers(wire: Interface, format: Format) -> None:
    """Triton's PyTorch backend takes a number at the end of a name for the tensor's place."""
    if format.BACKEND == "pytorch":
        for tensors in (wire.inputs, wire.outputs):
            _check_places(wire.name, tensors)


def _check_places(model: str, tensors: Sequence[TensorSpec]) -> None:
    for place, tensor in enumerate(tensors):
        found = _NUMBER.search(tensor.name)
        if found and int(found[1]) != place:
            raise SpecError(
                f"'{model}' has '{tensor.name}' at place {place}, and Triton's PyTorch backend "
                f"would take it for the one at place {int(found[1])}. Give it a name that does not "
                "end in two underscores and a number."
            )


def _numbered(word: str, tensors: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(
        tensor.model_copy(update={"name": f"{word}__{place}"})
        for place, tensor in enumerate(tensors)
    )
