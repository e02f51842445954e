"""The tensor names that clients use, where a backend knows no others than its own."""

from exporters.formats import Format
from exporters.tensors import Interface, TensorSpec


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


def _numbered(word: str, tensors: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(
        tensor.model_copy(update={"name": f"{word}__{place}"})
        for place, tensor in enumerate(tensors)
    )
