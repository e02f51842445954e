"""Small models and how they are compiled for TensorRT for RTX."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from exporters.formats import Compiled, Source, load_format
from exporters.spec import Axis, ModelSpec, TensorSpec
from tests.exporters.models import spec_of

LENGTH = Axis(name="length", min=2, max=32)
WIDTH = 4


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Determinant(nn.Module):
    """TensorRT has no such operation."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.det(x.reshape(-1, 2, 2)).unsqueeze(1) * x


def sequence(**changes: object) -> ModelSpec:
    """A model over an axis `length` besides the batch."""
    shape = (LENGTH, WIDTH)
    return spec_of(
        Dense,
        inputs=(TensorSpec(name="x", dtype="float32", shape=shape),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=shape),),
        **changes,
    )


def source_of(
    build: Callable[[], nn.Module], spec: ModelSpec | None = None, *, precision: str = "fp32"
) -> Source:
    spec = spec or spec_of(build)
    shape = [2, *(7 if isinstance(size, Axis) else size for size in spec.inputs[0].shape)]
    return Source(build().eval(), spec, (torch.ones(shape),), precision=precision, flavor="rtx")


def compile_rtx(source: Source, directory: Path) -> Compiled:
    return load_format("tensorrt").compile(source, directory / "model.plan")
