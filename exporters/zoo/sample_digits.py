"""The committed sample digits: real test images, one PNG each, that both models classify right."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from exporters.arrays import Array
from exporters.zoo.mnist_data import Digits
from exporters.zoo.networks import NETWORKS
from exporters.zoo.trained import load_trained

DIRECTORY = Path(__file__).parent / "samples"
COUNT = 12


def read_samples() -> dict[str, Array]:
    """File name to pixels, float32 from 0 to 1, [28, 28]."""
    return {path.name: _read_png(path) for path in sorted(DIRECTORY.glob("digit-*.png"))}


def write_samples(test: Digits) -> int:
    """Writes the first right digit of every label, then second ones until there are enough."""
    right = _right_everywhere(test)
    ranked = sorted(
        (rank, label, index)
        for label in range(10)
        for rank, index in enumerate(_indices(right & (test.labels == label))[:COUNT])
    )
    for rank, label, index in ranked[:COUNT]:
        pixels = (test.images[index] * 255).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(DIRECTORY / f"digit-{label}-{rank + 1}.png")
    return COUNT


def _right_everywhere(test: Digits) -> Tensor:
    right = torch.ones(len(test.labels), dtype=torch.bool)
    for name in NETWORKS:
        network = load_trained(name)
        with torch.inference_mode():
            guesses = network(test.images.reshape(-1, *network.image_shape)).argmax(dim=1)
        right &= guesses == test.labels
    return right


def _indices(chosen: Tensor) -> list[int]:
    indices: list[int] = chosen.nonzero().flatten().tolist()
    return indices


def _read_png(path: Path) -> Array:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.float32) / 255
