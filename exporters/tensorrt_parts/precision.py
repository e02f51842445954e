"""Types a model for the precision that its engine is to have: TensorRT has no flag for it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_map_only

from exporters.formats import Source

HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}


def half_weights(source: Source, precision: str) -> Source:
    """The same source with a module that computes in `precision`.

    The module casts what it is given and what it returns, so that the engine's inputs and outputs
    stay as they are declared.
    """
    dtype = HALVES[precision]
    module = copy.deepcopy(source.module).to(dtype).eval()
    declared = [getattr(torch, tensor.dtype) for tensor in source.spec.outputs]
    for part in module.modules():
        if dtype is torch.bfloat16 and isinstance(part, _BatchNorm):
            _keep_float32(part, dtype)
        # A `forward` that makes float32 tensors of its own may hand them to any part of it.
        elif part is module or any(True for _ in part.parameters(recurse=False)):
            part.register_forward_pre_hook(_inputs_to(dtype), with_kwargs=True)
    module.register_forward_hook(_outputs_to(declared))
    return replace(source, module=module)


def _keep_float32(norm: nn.Module, dtype: torch.dtype) -> None:
    """Torch's ONNX exporter folds a normalisation into its convolution, in bfloat16 with wrong
    types (onnxscript 0.7); one that computes in float32 stays where it is."""
    norm.float()
    norm.register_forward_pre_hook(_inputs_to(torch.float32), with_kwargs=True)
    norm.register_forward_hook(_outputs_to([dtype]))


def _inputs_to(dtype: torch.dtype) -> Callable[[nn.Module, Any, Any], Any]:
    def cast(module: nn.Module, arguments: Any, named: Any) -> Any:
        return tree_map_only(Tensor, lambda tensor: _cast(tensor, dtype), (arguments, named))

    return cast


def _outputs_to(declared: list[torch.dtype]) -> Callable[[nn.Module, Any, Any], Any]:
    def cast(module: nn.Module, arguments: Any, returned: Any) -> Any:
        if isinstance(returned, Tensor):
            return _cast(returned, declared[0])
        return tuple(map(_cast, returned, declared))

    return cast


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Whole numbers stay what they are: an index has no precision."""
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
