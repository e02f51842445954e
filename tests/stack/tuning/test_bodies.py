"""The requests that a model is tuned with."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from loadtest.infer_body import InferBody
from stack.errors import TuningError
from stack.tuning.bodies import Bodies

X = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}


def read(body: InferBody) -> tuple[dict[str, Any], Any]:
    head = json.loads(body.content[: body.header_bytes])
    return head, numpy.frombuffer(body.content[body.header_bytes :], "float32")


def samples(folder: Path, **arrays: Any) -> Path:
    numpy.savez(folder / "samples.npz", **arrays)
    return folder / "samples.npz"


def test_random_requests_differ_and_are_the_same_next_time() -> None:
    first, again = Bodies({"inputs": [X]}).of(3), Bodies({"inputs": [X]}).of(3)
    assert [body.content for body in first] == [body.content for body in again]
    assert len({body.content for body in first}) == len(first) > 1
    head, values = read(first[0])
    assert head["inputs"][0]["shape"] == [3, 2]
    assert head["parameters"] == {"binary_data_output": True}
    assert len(values) == 6


def test_samples_are_sent_and_begin_again_where_a_batch_needs_more(tmp_path: Path) -> None:
    given = numpy.arange(6, dtype="float32").reshape(3, 2)
    bodies = Bodies({"inputs": [X]}, samples(tmp_path, x=given)).of(4)
    head, values = read(bodies[1])
    assert head["inputs"][0] == {
        "name": "x",
        "shape": [4, 2],
        "datatype": "FP32",
        "parameters": {"binary_data_size": 32},
    }
    assert values.tolist() == [2, 3, 4, 5, 0, 1, 2, 3]


def test_a_model_without_batches_gets_one_sample(tmp_path: Path) -> None:
    bodies = Bodies({"inputs": [X]}, samples(tmp_path, x=numpy.ones((3, 2), "float32"))).of(0)
    assert read(bodies[0])[0]["inputs"][0]["shape"] == [2]


def test_samples_that_do_not_fit_are_told(tmp_path: Path) -> None:
    other = Bodies({"inputs": [X]}, samples(tmp_path, other=numpy.ones((3, 2))))
    with pytest.raises(TuningError, match="the model takes x; x is missing"):
        other.of(1)
    none = Bodies({"inputs": [X]}, samples(tmp_path, x=numpy.ones((0, 2), "float32")))
    with pytest.raises(TuningError, match="no sample of x"):
        none.of(1)
    text = Bodies({"inputs": [X]}, samples(tmp_path, x=numpy.array(["a"])))
    with pytest.raises(TuningError, match="numbers are sent only"):
        text.of(1)
    single = Bodies({"inputs": [X]}, samples(tmp_path, x=numpy.float32(1)))
    with pytest.raises(TuningError, match="no sample of x"):
        single.of(1)


@pytest.mark.parametrize("content", [b"no zip", b"PK\x03\x04torn"])
def test_a_file_of_samples_that_is_broken_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(TuningError, match="cannot be read"):
        Bodies({"inputs": [X]}, tmp_path / "broken.npz").of(1)


def test_inputs_that_no_random_value_is_made_for_need_samples() -> None:
    with pytest.raises(TuningError, match="--samples"):
        Bodies({"inputs": [{**X, "datatype": "FP8"}]}).of(1)
