"""Joining, splitting and errors, on the real server."""

import numpy as np
import pytest

from tests.stack.backends.inference import (
    infer_binary,
    infer_json,
    infer_together,
    statistics,
)
from tests.stack.running_triton import RunningTriton
from tests.waiting import wait_until


def pair(rows: int, start: float) -> dict[str, np.ndarray]:
    left = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2) + start
    return {"left": left, "right": left * 10}


def test_requests_of_different_sizes_are_joined_and_split(embedded_triton: RunningTriton) -> None:
    samples, runs = statistics(embedded_triton, "sum_and_difference")
    requests = [pair(rows, start) for rows, start in ((1, 0), (3, 100), (2, 200), (2, 300))]
    answers = infer_together(
        embedded_triton, "sum_and_difference", requests, ["OUTPUT__0", "OUTPUT__1"]
    )
    for given, got in zip(requests, answers, strict=True):
        np.testing.assert_array_equal(got["OUTPUT__0"], given["left"] + given["right"])
        np.testing.assert_array_equal(got["OUTPUT__1"], given["left"] - given["right"])
    wait_until(lambda: statistics(embedded_triton, "sum_and_difference")[0] == samples + 8)
    assert statistics(embedded_triton, "sum_and_difference")[1] - runs < 4


def test_onnx_requests_are_joined_and_split(embedded_triton: RunningTriton) -> None:
    samples, runs = statistics(embedded_triton, "arithmetic")
    requests = [
        {"a": np.full((rows, 2), rows, np.float32), "b": np.full((rows, 2), 2, np.float32)}
        for rows in (1, 2, 3)
    ]
    answers = infer_together(embedded_triton, "arithmetic", requests, ["sum", "product"])
    for rows, got in zip((1, 2, 3), answers, strict=True):
        np.testing.assert_array_equal(got["sum"], np.full((rows, 2), rows + 2))
        np.testing.assert_array_equal(got["product"], np.full((rows, 2), rows * 2))
    wait_until(lambda: statistics(embedded_triton, "arithmetic")[0] == samples + 6)
    assert statistics(embedded_triton, "arithmetic")[1] - runs < 3


def test_only_the_outputs_asked_for_are_returned(embedded_triton: RunningTriton) -> None:
    requests = [{"a": np.ones((1, 2), np.float32), "b": np.ones((1, 2), np.float32)}] * 2
    one, other = infer_together(embedded_triton, "arithmetic", requests, ["product"])
    assert list(one) == list(other) == ["product"]
    answer = infer_binary(embedded_triton, "sum_and_difference", pair(1, 5), ["OUTPUT__1"])
    np.testing.assert_array_equal(answer["OUTPUT__1"], [[-45.0, -54.0]])


def test_an_error_is_only_the_guilty_requests_own(embedded_triton: RunningTriton) -> None:
    rows = [np.array([[1, 2]]), np.array([[-1, 2]]), np.array([[3, 4]])]
    answers = infer_together(
        embedded_triton, "picky", [{"x": row.astype(np.float32)} for row in rows], ["y"]
    )
    np.testing.assert_array_equal(answers[0]["y"], [[2, 4]])
    np.testing.assert_array_equal(answers[2]["y"], [[6, 8]])
    assert "negative numbers are not allowed" in str(answers[1])
    assert "Traceback" not in str(answers[1])


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("dtype__0", ["output 'dtype__0' is FP32", "says FP64"]),
        ("shape__1", ["shape [1, 1]", "[1, 3]"]),
    ],
)
def test_an_output_unlike_the_configuration_is_an_error(
    embedded_triton: RunningTriton, output: str, words: list[str]
) -> None:
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": "FP32", "data": [1.0]}
        for name in ("left", "right")
    ]
    status, body = infer_json(embedded_triton, "lying", inputs, [output])
    assert status == 500
    assert all(word in body["error"] for word in words)
    assert "config.pbtxt" in body["error"]


def test_without_batching_each_request_is_a_run(embedded_triton: RunningTriton) -> None:
    lengths = (3, 1, 5)
    answers = infer_together(
        embedded_triton,
        "no_batch",
        [{"x": np.ones(length, np.int64)} for length in lengths],
        ["y"],
    )
    for length, got in zip(lengths, answers, strict=True):
        np.testing.assert_array_equal(got["y"], np.arange(1, length + 1))


def test_text_is_joined_and_split(embedded_triton: RunningTriton) -> None:
    requests = [
        {"words": np.array([["grün"], ["b"]], np.object_)},
        {"words": np.array([["c"]], np.object_)},
    ]
    first, second = infer_together(embedded_triton, "shout", requests, ["loud"])
    assert [text.decode() for text in first["loud"].ravel()] == ["GRüN", "B"]
    assert second["loud"].tolist() == [[b"C"]]


def test_a_dictionary_goes_by_its_keys(embedded_triton: RunningTriton) -> None:
    number = {"number": np.array([[3]], np.float32)}
    answer = infer_binary(embedded_triton, "by_key", number, ["twice", "negative"])
    assert (answer["twice"].item(), answer["negative"].item()) == (6, -3)
