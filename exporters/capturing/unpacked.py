"""A module that returns a mapping or a named tuple, made to return a plain tuple."""

from typing import Any

from torch import Tensor, nn

from exporters.capturing.calling import in_declared_order
from exporters.declaring.arguments import arguments, take_arguments
from exporters.spec import Interface


class Unpacked(nn.Module):
    """What `unpacked` makes, to be told from a model of somebody's own."""


def unpacked(module: nn.Module, interface: Interface) -> nn.Module:
    """The same module with its outputs in declared order, and the arguments of its `forward`.

    Compilers flatten a mapping in the order of its keys, and Triton's PyTorch backend takes none.
    """

    class Plain(Unpacked):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *inputs: Tensor) -> Any:
            results = tuple(in_declared_order(self.inner(*inputs), interface))
            return results[0] if len(results) == 1 else results

    take_arguments(Plain, arguments(module)[: len(interface.inputs)])
    return Plain().eval()
