"""Reads a TorchScript file: the names of its arguments and how many tensors it returns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from exporters.artefacts.found import Draft, Found
from exporters.errors import SpecError


def read(path: Path) -> Found:
    schema = _load(path).forward.schema
    return Found(
        path=path,
        format="torchscript",
        inputs=_inputs(path, schema),
        outputs=_outputs(path, schema),
        said="TorchScript, which keeps no dtypes and shapes",
    )


def _load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.", category=DeprecationWarning)
        try:
            loaded = torch.jit.load(path, map_location="cpu")
        except (RuntimeError, ValueError) as error:
            first = str(error).strip().partition("\n")[0]
            raise SpecError(
                f"PyTorch {torch.__version__} cannot load {path}: {first} Save it again with "
                "torch.jit.save of a version that is not newer."
            ) from error
    if not hasattr(loaded, "forward"):
        raise SpecError(f"{path} has no method `forward`; save the module that has one.")
    if _trains(loaded):
        raise SpecError(
            f"{path} was saved in training mode: its dropout draws and its BatchNorm counts. Call "
            ".eval() on the module before torch.jit.trace or torch.jit.script, and save it again."
        )
    return loaded


def _trains(loaded: Any) -> bool:
    """Of the layers that behave otherwise then; a frozen file has none of them left."""
    return any(
        getattr(part, "training", False)
        and getattr(part, "original_name", "").startswith(("BatchNorm", "Dropout"))
        for part in loaded.modules()
    )


def _inputs(path: Path, schema: Any) -> tuple[Draft, ...]:
    drafts = []
    optional = False
    for argument in schema.arguments[1:]:  # the first is self
        if str(argument.type) == "Tensor" and not optional:
            drafts.append(Draft(argument.name))
        elif argument.has_default_value():
            # Left out, and all after it: inputs go by position.
            optional = True
        else:
            raise SpecError(
                f"{path} takes '{argument.name}' as {argument.type}; only tensors can be served. "
                "Save a module whose `forward` takes tensors and sets the rest itself."
            )
    if not drafts:
        raise SpecError(f"{path} takes no tensors; nothing can be served.")
    return tuple(drafts)


def _outputs(path: Path, schema: Any) -> tuple[Draft, ...]:
    (returned,) = schema.returns
    kind = returned.type
    if str(kind) == "Tensor":
        return (Draft("output"),)
    elements = kind.elements() if kind.kind() == "TupleType" else []
    if not elements or any(str(element) != "Tensor" for element in elements):
        raise SpecError(
            f"{path} returns {kind}; Triton serves a tensor or a tuple of tensors. Save a module "
            "that returns those, or export the model from its source, where names of a mapping "
            "are known (docs/models.md)."
        )
    return tuple(Draft(f"output_{place}") for place in range(len(elements)))
