"""Requests from files of samples."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loadtest.errors import OptionError
from loadtest.inputs import request_inputs
from loadtest.samples import read_samples
from loadtest.served_model import ServedModel, served_model
from loadtest.tensors import Values


def model(*inputs: tuple[str, str, list[int]]) -> ServedModel:
    described = [{"name": n, "datatype": d, "shape": s} for n, d, s in inputs]
    return served_model({"name": "m", "inputs": described})


def values(served: ServedModel, path: Path, *, batch: int = 1, turn: int = 0) -> Values:
    samples = read_samples(path)
    return request_inputs(served, batch=batch, seed=0, turn=turn, samples=samples)[0].values


def test_requests_take_the_samples_of_an_array_in_turn(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    served = model(("x", "FP32", [-1, 2]))
    assert values(served, tmp_path / "x.npy", batch=2, turn=1).tolist() == [[4, 5], [0, 1]]


def test_an_npz_file_has_an_array_for_each_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros((1, 2)), b=np.array([["word"]]))
    served = model(("a", "FP32", [-1, 2]), ("b", "BYTES", [-1, 1]))
    made = request_inputs(served, batch=1, seed=0, samples=read_samples(tmp_path / "two.npz"))
    assert [tensor.values.shape for tensor in made] == [(1, 2), (1, 1)]


def test_a_picture_becomes_channels_of_zero_to_one(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 3), 255, np.uint8)
    pixels[..., 2] = 0
    Image.fromarray(pixels).save(tmp_path / "p.png")
    found = values(model(("image", "FP32", [-1, 3, 4, 5])), tmp_path / "p.png", batch=2)
    assert found.shape == (2, 3, 4, 5)
    assert [float(found[0, channel].mean()) for channel in range(3)] == [1, 1, 0]


def test_a_file_that_has_not_what_the_model_takes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros((1, 2)))
    with pytest.raises(OptionError, match="holds a, and model m needs the input x"):
        values(model(("x", "FP32", [-1, 2])), tmp_path / "other.npz")


def test_values_of_another_shape_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 7)))
    with pytest.raises(OptionError, match=r"shape \[1, 7\], and input x takes \[-1, 2\]"):
        values(model(("x", "FP32", [-1, 2])), tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["absent.npy", "text.txt", "broken.npz", "torn.npz"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04torn")
    with pytest.raises(OptionError, match=name):
        read_samples(tmp_path / name)
