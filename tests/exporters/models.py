"""Small models that exports must take or refuse, and how they are declared."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from exporters.spec import ModelSpec, TensorSpec

WIDTH = 4
X = TensorSpec(name="x", dtype="float32", shape=(WIDTH,))
Y = TensorSpec(name="y", dtype="float32", shape=(WIDTH,))


class Doubler(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class FixedBatch(nn.Module):
    """Answers right for two rows and for no other number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(2, WIDTH) * 2


class Branching(nn.Module):
    """Tracing follows the branch that its example takes."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x - 1


class NotFinite(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x - 1e9)


class MeanOverBatch(nn.Module):
    """Its output has no batch dimension."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=0)


class Centred(nn.Module):
    """Every item's answer depends on who shares its batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(dim=0)


class SumAndDifference(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return left + right, left - right


class Embedded(nn.Module):
    """Fails on any index that its table does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, WIDTH)

    def forward(self, index: Tensor) -> Tensor:
        rows: Tensor = self.table(index)
        return rows.sum(dim=1)


class ReturnsText(nn.Module):
    def forward(self, x: Tensor) -> str:
        return "not a tensor"


def spec_of(build: Callable[[], nn.Module], **changes: object) -> ModelSpec:
    """A spec with one input `x` and one output `y`, except for `changes`."""
    fields: dict[str, object] = {
        "name": "small",
        "build": build,
        "inputs": (X,),
        "outputs": (Y,),
        "max_batch_size": 4,
        "samples": ({"x": np.arange(WIDTH, dtype=np.float32)},),
    }
    return ModelSpec(**{**fields, **changes})  # type: ignore[arg-type]
