"""A warm-up runs while its model loads, with the inputs that Triton would give it."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stack.backends.warmup import warm_up
from tests.stack.running_triton import RunningTriton


@pytest.mark.parametrize("model", ["echo_torch", "echo_torch_half", "echo_onnx", "echo_onnx_half"])
def test_every_type_can_be_warmed_up_with(embedded_triton: RunningTriton, model: str) -> None:
    assert model in embedded_triton.report.ready


def test_its_inputs_are_those_of_tritons_own(embedded_triton: RunningTriton) -> None:
    # It fails with any others, and has had Triton's as well.
    assert "expects" in embedded_triton.report.ready


def test_one_that_fails_is_a_refused_load(embedded_triton: RunningTriton) -> None:
    told = reason(embedded_triton, "broken_warmup")
    assert told.startswith("its warm-up 'sample' fails: ")
    assert told.endswith("AssertionError: three numbers are wanted")


def test_one_without_its_file_is_a_refused_load(embedded_triton: RunningTriton) -> None:
    told = reason(embedded_triton, "broken_warmup_file")
    assert told.startswith("its warm-up 'sample' has no usable input: ")
    assert "broken_warmup_file/warmup/lost.raw" in told


def reason(triton: RunningTriton, model: str) -> str:
    return {broken.name: broken.reason for broken in triton.report.broken}[model]


def test_a_sample_runs_as_often_and_in_batches_as_large_as_configured() -> None:
    batching = FakeBatching()
    zeros = {"x": {"data_type": "TYPE_FP32", "dims": [2], "zero_data": True}}
    samples = [
        {"name": f"batch {size}", "batch_size": size, "count": count, "inputs": zeros}
        for size, count in ((1, 0), (4, 2))
    ]
    config = {
        "max_batch_size": 4,
        "input": [{"name": "x", "dims": ["2"]}],
        "output": [{"name": "y"}],
        "model_warmup": samples,
    }
    args = {"model_config": json.dumps(config), "model_repository": "/models/small"}
    warm_up(batching, args, FAKE_TRITON, lambda *_: None)
    assert [len(run) for run in batching.runs] == [1, 4, 4]
    assert [tensor.shape for tensor in batching.runs[1][0].inputs()] == [(1, 2)]
    assert batching.runs[1][0].requested_output_names() == ["y"]


class FakeBatching:
    """Notes what it is to run, and runs nothing."""

    def __init__(self) -> None:
        self.runs: list[Any] = []

    def execute(self, requests: Any) -> list[Any]:
        self.runs.append(requests)
        return []


FAKE_TRITON = SimpleNamespace(
    Tensor=lambda name, values: values, triton_string_to_numpy=lambda data_type: np.float32
)
