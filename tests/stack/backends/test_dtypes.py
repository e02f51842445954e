"""Every Triton type there and back through both backends, binary and JSON."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.stack.backends.inference import infer_binary, infer_json, infer_together
from tests.stack.running_triton import RunningTriton
from tests.stack.small_models import ONNX_HALF_DTYPES

NUMPY_DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "FP32": np.float32,
    "FP64": np.float64,
    "STRING": np.object_,
}
TORCH = ["BOOL", "UINT8", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64"]
ONNX = [dtype for dtype in NUMPY_DTYPES if dtype not in ("FP16", "BF16")]
# Type, name of the input, name of the output.
Names = list[tuple[str, str, str]]


def torch_names(dtypes: list[str]) -> Names:
    return [(dtype, f"{dtype}_in__{at}", f"{dtype}_out__{at}") for at, dtype in enumerate(dtypes)]


def onnx_names(dtypes: list[str]) -> Names:
    return [(dtype, f"{dtype}_in", f"{dtype}_out") for dtype in dtypes]


def sample(dtype: str) -> Any:
    if dtype == "STRING":
        return np.array([["ä", "two words"], ["", "c"]], np.object_)
    return np.array([[0, 1], [1, 100]]).astype(NUMPY_DTYPES[dtype])


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("echo_torch", torch_names(TORCH)),
        ("echo_torch_half", torch_names(["FP16", "BF16"])),
        ("echo_onnx", onnx_names(ONNX)),
        ("echo_onnx_half", onnx_names(ONNX_HALF_DTYPES)),
    ],
)
def test_every_type_comes_back_in_binary(
    embedded_triton: RunningTriton, model: str, names: Names
) -> None:
    arrays = {given: sample(dtype) for dtype, given, _ in names}
    answer = infer_binary(embedded_triton, model, arrays, [made for _, _, made in names])
    for dtype, given, made in names:
        got = answer[made]
        if dtype == "STRING":
            got = np.vectorize(bytes.decode, otypes=[np.object_])(got)
        np.testing.assert_array_equal(got, arrays[given], err_msg=dtype)


def test_bfloat16_through_onnx_is_joined_and_split(embedded_triton: RunningTriton) -> None:
    names = onnx_names(ONNX_HALF_DTYPES)
    requests = [
        {given: np.repeat(sample(dtype), times, axis=0) for dtype, given, _ in names}
        for times in (1, 2, 1)
    ]
    requests[1]["BF16_in"] = np.array([[-0.5, 3], [np.inf, 1], [2, 2], [0, 9]], ml_dtypes.bfloat16)
    answers = infer_together(embedded_triton, "echo_onnx_half", requests, ["BF16_out", "FP32_out"])
    for given, got in zip(requests, answers, strict=True):
        np.testing.assert_array_equal(got["BF16_out"], given["BF16_in"])
        np.testing.assert_array_equal(got["FP32_out"], given["FP32_in"])


def test_text_beside_bfloat16_is_refused_at_load(embedded_triton: RunningTriton) -> None:
    (reason,) = [
        str(model) for model in embedded_triton.report.broken if "broken_text" in str(model)
    ]
    assert "'x' is BF16 and the input 'words' is text" in reason
    assert "FP16 or FP32" in reason


@pytest.mark.parametrize(
    ("model", "names"), [("echo_torch", torch_names(TORCH)), ("echo_onnx", onnx_names(ONNX))]
)
def test_every_type_that_json_has_comes_back(
    embedded_triton: RunningTriton, model: str, names: Names
) -> None:
    status, body = infer_json(
        embedded_triton,
        model,
        [_in_json(dtype, given) for dtype, given, _ in names],
        [made for _, _, made in names],
    )
    assert status == 200, body
    data = {output["name"]: output["data"] for output in body["outputs"]}
    for dtype, _, made in names:
        assert data[made] == sample(dtype).ravel().tolist()


def _in_json(dtype: str, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "shape": [2, 2],
        "datatype": "BYTES" if dtype == "STRING" else dtype,
        "data": sample(dtype).ravel().tolist(),
    }
