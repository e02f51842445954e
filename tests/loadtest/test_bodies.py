"""Request bodies made from a model's metadata."""

import json
import struct

import pytest

from loadtest.bodies import infer_body
from loadtest.errors import OptionError

METADATA = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 2, 2]}]}


def test_header_describes_the_bytes_that_follow() -> None:
    body = infer_body(METADATA, batch=3, seed=0)
    header = json.loads(body.content[: body.header_bytes])
    tensor = body.content[body.header_bytes :]
    assert header["inputs"][0]["shape"] == [3, 2, 2]
    assert header["inputs"][0]["parameters"]["binary_data_size"] == len(tensor) == 3 * 2 * 2 * 4


def test_float_values_lie_between_zero_and_one() -> None:
    body = infer_body(METADATA, batch=1, seed=0)
    values = struct.unpack("<4f", body.content[body.header_bytes :])
    assert all(0.0 <= value <= 1.0 for value in values)


def test_the_same_seed_gives_the_same_body() -> None:
    assert infer_body(METADATA, batch=1, seed=7) == infer_body(METADATA, batch=1, seed=7)


def test_other_seeds_give_other_bodies() -> None:
    assert infer_body(METADATA, batch=1, seed=7) != infer_body(METADATA, batch=1, seed=8)


def test_dynamic_axes_other_than_the_batch_get_size_one() -> None:
    metadata = {"inputs": [{"name": "ids", "datatype": "INT64", "shape": [-1, -1]}]}
    body = infer_body(metadata, batch=2, seed=0)
    assert json.loads(body.content[: body.header_bytes])["inputs"][0]["shape"] == [2, 1]


def test_an_input_of_a_type_that_triton_does_not_have_is_refused_by_name() -> None:
    metadata = {"inputs": [{"name": "x", "datatype": "FP8", "shape": [-1, 1]}]}
    with pytest.raises(OptionError, match="FP8"):
        infer_body(metadata, batch=1, seed=0)
