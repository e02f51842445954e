"""Small models that exports must take or refuse, and how they are declared."""

from collections.abc import Callable
from typing import Any, NamedTuple

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


class OddAndEven(nn.Module):
    """Takes another way at every other length."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2] * 2 if x.shape[1] % 2 == 0 else x[:, :2] * 3


class BranchingByComparison(nn.Module):
    """Asks for its input's values by none of the usual names."""

    def __init__(self, compare: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.compare = compare

    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if self.compare(x) else x * 2


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


class HeardOverTheLoudest(nn.Module):
    """Only an item that is a hundred times fainter than another of its batch comes out wrong."""

    def forward(self, x: Tensor) -> Tensor:
        peaks = x.abs().amax(dim=1, keepdim=True)
        return torch.maximum(peaks, peaks.max() / 100).expand_as(x).clone()


class Faint(nn.Module):
    """Answers what another module answers, far below the default tolerance."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        faint: Tensor = self.inner(x) * 1e-5
        return faint


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


def spec_of(build: Callable[[], nn.Module], **changes: Any) -> ModelSpec:
    """A spec with one input `x` and one output `y`, except for `changes`."""
    fields: dict[str, Any] = {
        "name": "small",
        "build": build,
        "inputs": (X,),
        "outputs": (Y,),
        "max_batch_size": 4,
        "samples": ({"x": np.arange(WIDTH, dtype=np.float32)},),
    }
    return ModelSpec(**{**fields, **changes})


class WritesIntoItsInput(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x += 1
        return x


class MixesTheFirst(nn.Module):
    """The first item of a batch gets what belongs to the last."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:1] + x[-1:], x[1:]]) if x.shape[0] > 1 else x * 2


class CountsCalls(nn.Module):
    """Its answer is always the same, but every call changes the buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * 2


class Remembers(nn.Module):
    """Adds the sum of all that it was ever given, kept where no module looks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.past = [0.0]

    def forward(self, x: Tensor) -> Tensor:
        self.past[0] += float(x.sum())
        return x + self.past[0]


class KeepsHidden(nn.Module):
    """A recurrent cell that keeps its hidden value in a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        self.hidden = self.hidden * 0.9 + x.mean()
        return x + self.hidden


class RemembersTheLargest(nn.Module):
    """The same question twice in a row has one answer; after a larger one it has another."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = [0.0]

    def forward(self, x: Tensor) -> Tensor:
        self.largest[0] = max(self.largest[0], float(x.sum()))
        return x + self.largest[0]


class CachesOnce(nn.Module):
    """Keeps a table after its first call, which changes no answer."""

    table: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.table is None:
            self.table = torch.arange(WIDTH) * 2.0
        return x + self.table


class DropsAlways(nn.Module):
    """Dropout that evaluation mode does not switch off."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x + 1, 0.5, training=True)


class Normalised(nn.Module):
    """Batch normalisation and dropout, as training leaves them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.drop(self.norm(x))
        return normalised


class KeepsTraining(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2

    def train(self, mode: bool = True) -> "KeepsTraining":
        return self


class NamedResults(nn.Module):
    """Returns a mapping, in another order than the names have elsewhere."""

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        return {"gap": left - right, "total": left + right}


class SumAndGap(NamedTuple):
    gap: Tensor
    total: Tensor


class NamedTupleResults(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> SumAndGap:
        return SumAndGap(left - right, left + right)


class WholeNumbersOnly(nn.Module):
    """NaN for everything else."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x == x.round(), x, torch.nan)


class Flattened(nn.Module):
    """The first dimension of its output is the batch times the width."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, 1)


class RootOfProduct(nn.Module):
    """NaN where the first value is negative and the last is not."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sqrt(x[..., :1] * x[..., -1:])


class RunningTotal(nn.Module):
    """A loop over the length, which tracing unrolls as often as its example is long."""

    def forward(self, x: Tensor) -> Tensor:
        total = x[:, 0] * 0
        sums = []
        for step in range(x.shape[1]):
            total = total + x[:, step]
            sums.append(total)
        # The last ones only, so that the shape is right at every length.
        return torch.stack([total, sums[-1]], dim=1)


class EvenOnly(nn.Module):
    """Takes no odd length."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], 2, x.shape[1] // 2).sum(dim=(1, 2)).unsqueeze(1)


class SkipsAnArgument(nn.Module):
    def forward(self, x: Tensor, scale: Tensor | None = None, shift: Tensor | int = 0) -> Tensor:
        return x * 2 if scale is None else x * scale
