"""Declares `mnist_mlp` and `mnist_cnn`: one greyscale digit in, ten probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from exporters.spec import ModelSpec, Sample, TensorSpec

if TYPE_CHECKING:
    from torch import nn

MLP_SHAPE = (784,)
CNN_SHAPE = (1, 28, 28)
PROBABILITIES = TensorSpec(
    name="probabilities",
    dtype="float32",
    shape=(10,),
    labels=tuple("0123456789"),
)


def mnist_mlp() -> ModelSpec:
    return ModelSpec(
        name="mnist_mlp",
        build=_trained("mnist_mlp"),
        inputs=(TensorSpec(name="image", dtype="float32", shape=MLP_SHAPE),),
        outputs=(PROBABILITIES,),
        max_batch_size=64,
        samples=_digits(MLP_SHAPE),
        batching_delay_us=500,
    )


def mnist_cnn() -> ModelSpec:
    return ModelSpec(
        name="mnist_cnn",
        build=_trained("mnist_cnn"),
        inputs=(TensorSpec(name="image", dtype="float32", shape=CNN_SHAPE),),
        outputs=(PROBABILITIES,),
        max_batch_size=32,
        samples=_digits(CNN_SHAPE),
        batching_delay_us=1000,
    )


def _trained(name: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from exporters.zoo.trained import load_trained

        return load_trained(name)

    return build


def _digits(shape: tuple[int, ...]) -> Callable[[], Iterator[Sample]]:
    def read() -> Iterator[Sample]:
        from exporters.zoo.sample_digits import read_samples

        for pixels in read_samples().values():
            yield {"image": pixels.reshape(shape)}

    return read
