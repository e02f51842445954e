"""A module that returns a mapping or a named tuple, made to return a plain tuple."""

import inspect
from typing import Any

from torch import Tensor, nn

from exporters.capturing.calling import in_declared_order
from exporters.spec import Interface


def unpacked(module: nn.Module, interface: Interface) -> nn.Module:
    """The same module with its outputs in declared order, and the arguments of its `forward`.

    Compilers flatten a mapping in the order of its keys, and Triton's PyTorch backend takes none.
    """

    class Unpacked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *inputs: Tensor) -> Any:
            results = tuple(in_declared_order(self.inner(*inputs), interface))
            return results[0] if len(results) == 1 else results

    # Triton passes the inputs of TorchScript by the names of these arguments.
    arguments = list(inspect.signature(module.forward).parameters.values())
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([this, *arguments[: len(interface.inputs)]])
    Unpacked.forward.__signature__ = signature  # type: ignore[attr-defined]
    return Unpacked().eval()
