"""The models that come with the project. Importing this loads neither torch nor a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporters.spec import ModelSpec
from exporters.zoo.mnist import mnist_cnn, mnist_mlp


@dataclass(frozen=True)
class ZooEntry:
    """How to export one model of the zoo."""

    spec: Callable[[], ModelSpec]
    format: str
    summary: str


ZOO: Mapping[str, ZooEntry] = MappingProxyType(
    {
        "mnist_mlp": ZooEntry(mnist_mlp, "torchscript", "Handwritten digits, 784-128-128-10"),
        "mnist_cnn": ZooEntry(mnist_cnn, "onnx", "Handwritten digits, two convolutions"),
    }
)
