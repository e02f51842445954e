"""Puts a module into evaluation mode, and says what was not."""

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from exporters.errors import SpecError

NAMED_AT_MOST = 3


def evaluate(module: nn.Module, *, name: str) -> tuple[str, ...]:
    """Sentences about what had to be changed; raises a `SpecError` for what will not change."""
    training = [path for path, part in module.named_modules() if part.training and _differs(part)]
    module.eval()
    stubborn = [path or "itself" for path, part in module.named_modules() if part.training]
    if stubborn:
        raise SpecError(
            f"'{name}' stays in training mode after eval(): {_list(stubborn)}. What is served must "
            "not train; remove the override of `train` or `eval`, or let `build` set "
            "`training = False` there."
        )
    if not training:
        return ()
    return (
        f"{_list(training)} stood in training mode; now all is in evaluation mode: what is served "
        "uses the running statistics and drops nothing.",
    )


def _differs(part: nn.Module) -> bool:
    """Whether a part computes something else while it trains."""
    if isinstance(part, nn.RNNBase | nn.MultiheadAttention):
        return part.dropout > 0
    return isinstance(part, _NormBase | _DropoutNd | nn.RReLU)


def _list(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:NAMED_AT_MOST])
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown
