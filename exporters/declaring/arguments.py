"""The arguments of a module's `forward`."""

import inspect

from torch import nn


def arguments(module: nn.Module) -> list[inspect.Parameter]:
    """In their order; a module of TorchScript has a schema instead of a signature."""
    try:
        return list(inspect.signature(module.forward).parameters.values())
    except ValueError:
        return [
            inspect.Parameter(
                argument.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=argument.default_value
                if argument.has_default_value()
                else inspect.Parameter.empty,
            )
            for argument in module.forward.schema.arguments[1:]  # type: ignore[attr-defined]
        ]
