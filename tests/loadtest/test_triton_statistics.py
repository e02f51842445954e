"""Differences of Triton's counters; the recorded ones are of mnist_cnn under a closed loop."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from loadtest.errors import MeasuringError
from loadtest.results import ModelCounts
from loadtest.triton_statistics import (
    TritonStatistics,
    differences,
    read_counters,
    served_model,
)

RECORDED = Path(__file__).parent / "recorded"
CONFIGS: dict[str, dict[str, Any]] = {
    "digits": {"name": "digits", "instance_group": [{"count": 2}]},
    "crop": {"name": "crop", "instance_group": [{"count": 1, "gpus": [0, 1]}]},
    "page": {
        "name": "page",
        "ensemble_scheduling": {
            "step": [{"model_name": "crop"}, {"model_name": "digits"}, {"model_name": "digits"}]
        },
    },
}


def recorded(number: int) -> Any:
    return json.loads((RECORDED / f"stats_{number}.json").read_text())


def counts(success: int) -> ModelCounts:
    return ModelCounts(success=success, queue_ns=success * 1000, batches={1: success})


def test_what_was_counted_between_two_looks_is_told() -> None:
    found, reasons = differences(read_counters(recorded(1)), read_counters(recorded(2)))
    counted = found["mnist_cnn"]
    assert reasons == []
    assert (counted.success, counted.inferences, counted.executions) == (1010, 1010, 361)
    assert counted.queue_ns == 1_093_178_877
    assert counted.compute_infer_ns == 803_568_967
    assert counted.batches == {1: 25, 2: 23, 3: 313}


def test_executions_count_once_what_requests_of_a_batch_count_each() -> None:
    found, _ = differences(read_counters(recorded(1)), read_counters(recorded(2)))
    counted = found["mnist_cnn"]
    of_requests = counted.compute_input_ns + counted.compute_infer_ns + counted.compute_output_ns
    assert counted.busy_ns * counted.mean_batch == pytest.approx(of_requests, rel=0.1)


def test_versions_of_a_model_add_up() -> None:
    before = {("digits", "1"): counts(10), ("digits", "2"): counts(5)}
    after = {("digits", "1"): counts(13), ("digits", "2"): counts(9)}
    found, reasons = differences(before, after)
    assert found == {"digits": counts(7)}
    assert reasons == []


def test_a_version_that_came_counts_from_its_start() -> None:
    found, reasons = differences(
        {("digits", "1"): counts(10)}, {("digits", "1"): counts(10), ("digits", "2"): counts(4)}
    )
    assert found["digits"].success == 4
    assert reasons == []


def test_counters_that_went_back_are_a_reason_and_never_negative() -> None:
    found, reasons = differences({("digits", "1"): counts(10)}, {("digits", "1"): counts(4)})
    assert found["digits"].success == 4
    assert reasons == [
        "Triton's counters of digits version 1 began anew: "
        "Triton was restarted, or the model loaded again"
    ]


def test_a_version_that_went_is_a_reason() -> None:
    found, reasons = differences({("digits", "1"): counts(10)}, {})
    assert found["digits"].success == 0
    assert reasons == ["version 1 of digits was unloaded, and its last counts with it"]


def test_instances_are_counted_on_each_gpu_of_their_group() -> None:
    assert served_model(CONFIGS["digits"]).instances == 2
    assert served_model(CONFIGS["crop"]).instances == 2


def test_the_models_that_an_ensemble_calls_are_looked_at_too() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.split("/")[3]
        if request.url.path.endswith("/config"):
            return httpx2.Response(200, json=CONFIGS[name])
        renamed = recorded(1)
        renamed["model_stats"][0]["name"] = name
        return httpx2.Response(200, json=renamed)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    statistics = TritonStatistics(client, "http://triton", ["page"])
    look = statistics.look()
    found, _ = statistics.between(look, look)
    assert sorted(found) == ["crop", "digits", "page"]
    assert found["page"].composing == ["crop", "digits", "digits"]
    assert found["crop"].instances == 2


@pytest.mark.parametrize("status", [404, 500])
def test_what_triton_refuses_is_one_error(status: int) -> None:
    client = httpx2.Client(
        transport=httpx2.MockTransport(lambda request: httpx2.Response(status, text="no"))
    )
    with pytest.raises(
        MeasuringError, match=r"http://triton/v2/models/digits/config .*" f"{status}"
    ):
        TritonStatistics(client, "http://triton", ["digits"])
