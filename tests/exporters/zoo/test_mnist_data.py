from pathlib import Path

import numpy as np
import pytest

from exporters.errors import DataError
from exporters.zoo.mnist_data import read_test_digits


def write_idx(path: Path, magic: int, values: np.ndarray) -> None:
    header = np.array([magic, *values.shape], ">u4").tobytes()
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def test_pixels_become_grey_values_from_zero_to_one(tmp_path: Path) -> None:
    pixels = np.full((2, 28, 28), 255)
    pixels[0] = 0
    write_idx(tmp_path / "t10k-images-idx3-ubyte", 2051, pixels)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", 2049, np.array([3, 9]))
    digits = read_test_digits(tmp_path)
    assert digits.images.amax(dim=(1, 2)).tolist() == [0.0, 1.0]
    assert digits.labels.tolist() == [3, 9]


def test_missing_files_are_named_with_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte does not exist.*npm install"):
        read_test_digits(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "t10k-images-idx3-ubyte", 2049, np.zeros(4))
    with pytest.raises(DataError, match="starts with 2049, not with 2051"):
        read_test_digits(tmp_path)
