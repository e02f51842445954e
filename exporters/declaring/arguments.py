"""The arguments of a module's `forward`, read and given."""

import inspect
from collections.abc import Iterable
from typing import Any

from torch import nn


def arguments(module: nn.Module) -> list[inspect.Parameter]:
    """In their order; a module of TorchScript has a schema instead of a signature."""
    forward: Any = module.forward
    try:
        return list(inspect.signature(forward).parameters.values())
    except ValueError:
        return [
            inspect.Parameter(
                argument.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=argument.default_value
                if argument.has_default_value()
                else inspect.Parameter.empty,
            )
            for argument in forward.schema.arguments[1:]
        ]


def take_arguments(module: type[nn.Module], arguments: Iterable[inspect.Parameter]) -> None:
    """Gives a class's `forward` these arguments: Triton passes those of TorchScript by name."""
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    vars(module)["forward"].__signature__ = inspect.Signature([this, *arguments])
