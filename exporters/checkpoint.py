"""Builds the trained module that a spec names."""

import importlib

from torch import nn

from exporters.errors import SpecError
from exporters.spec import Checkpoint, ModelSpec


def build_module(spec: ModelSpec) -> nn.Module:
    """The trained module; raises a `SpecError` for what the declaration cannot build."""
    module = _from(spec.build) if isinstance(spec.build, Checkpoint) else spec.build()
    if not isinstance(module, nn.Module):
        raise SpecError(
            f"'{spec.name}' is built as {type(module).__name__}; `build` must return a "
            "torch.nn.Module."
        )
    return module


def _from(checkpoint: Checkpoint) -> object:
    import torch

    path, _, name = checkpoint.module.partition(":")
    module = getattr(importlib.import_module(path), name)(**checkpoint.arguments)
    module.load_state_dict(torch.load(checkpoint.weights, weights_only=True))
    return module
