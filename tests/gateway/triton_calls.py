"""What each public call of Triton's own HTTP client must do through the gateway.

Written once for both of its clients: `call("infer", "echo", ...)` asks whichever is under test.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.gateway.triton_models import MODELS
from tests.waiting import wait_until


class Call(Protocol):
    """Asks the client under test, with a valid key."""

    # A bare request on the same server: method, path, body and fields give fields and body.
    raw: Callable[[str, bytes, dict[str, str]], tuple[dict[str, str], bytes]]

    def __call__(self, method: str, *arguments: Any, **named: Any) -> Any: ...


Check = Callable[[Call], None]
CHECKS: dict[str, Check] = {}
ROW = np.array([[1, 2, 3, 4]], dtype=np.float32)


def check(function: Check) -> Check:
    """The check of the method that it is named after."""
    CHECKS[function.__name__] = function
    return function


def tensor(name: str = "X", data: Any = ROW, *, binary: bool = True) -> triton.InferInput:
    datatype = {"float32": "FP32", "int32": "INT32", "object": "BYTES"}[data.dtype.name]
    given = triton.InferInput(name, list(data.shape), datatype)
    given.set_data_from_numpy(data, binary_data=binary)
    return given


@check
def is_server_live(call: Call) -> None:
    assert call("is_server_live", query_params={"a": "b"}) is True


@check
def is_server_ready(call: Call) -> None:
    assert call("is_server_ready") is True


@check
def is_model_ready(call: Call) -> None:
    assert call("is_model_ready", "pair", "2", query_params={"a": 1}) is True
    assert call("is_model_ready", "pair", "3") is False
    assert call("is_model_ready", "unknown") is False


@check
def get_server_metadata(call: Call) -> None:
    assert call("get_server_metadata")["name"] == "triton"


@check
def get_model_metadata(call: Call) -> None:
    assert call("get_model_metadata", "pair")["versions"] == ["1", "2"]
    assert call("get_model_metadata", "pair", "1")["versions"] == ["1"]
    with pytest.raises(InferenceServerException, match="unknown model: 'nope'"):
        call("get_model_metadata", "nope")


@check
def get_model_config(call: Call) -> None:
    assert call("get_model_config", "echo")["max_batch_size"] == 8
    assert call("get_model_config", "pair", "2")["version_policy"] == {"all": {}}


@check
def get_model_repository_index(call: Call) -> None:
    assert {entry["name"] for entry in call("get_model_repository_index")} == set(MODELS)


@check
def load_model(call: Call) -> None:
    call("load_model", "chain")
    assert call("is_model_ready", "chain")
    with pytest.raises(InferenceServerException, match="config"):
        call("load_model", "chain", config="{}")
    # The client sends files with a configuration only, which is named first.
    with pytest.raises(InferenceServerException, match="config"):
        call("load_model", "chain", config="{}", files={"file:1/model.py": b"code"})
    with pytest.raises(InferenceServerException, match="failed to load 'nope'"):
        call("load_model", "nope")


@check
def unload_model(call: Call) -> None:
    call("unload_model", "chain")
    # A load before that can end Triton (measured on 2.51).
    unloaded = {"name": "chain", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}
    wait_until(lambda: unloaded in call("get_model_repository_index"))
    assert not call("is_model_ready", "chain")
    call("load_model", "chain")
    assert call("is_model_ready", "chain")
    call("unload_model", "unknown", unload_dependents=True)


@check
def get_inference_statistics(call: Call) -> None:
    everything = call("get_inference_statistics")["model_stats"]
    assert {entry["name"] for entry in everything} == set(MODELS)
    assert len(call("get_inference_statistics", "pair")["model_stats"]) == 2
    assert call("get_inference_statistics", "pair", "1")["model_stats"][0]["version"] == "1"


@check
def get_trace_settings(call: Call) -> None:
    assert call("get_trace_settings")["trace_mode"] == "triton"
    assert call("get_trace_settings", "echo")["trace_level"] == ["OFF"]


@check
def update_trace_settings(call: Call) -> None:
    for model in (None, "echo"):
        changed = call("update_trace_settings", model, {"trace_rate": "9"})
        assert changed["trace_rate"] == "9"
        assert call("update_trace_settings", model, {"trace_rate": None})["trace_rate"] == "1000"


@check
def get_log_settings(call: Call) -> None:
    assert call("get_log_settings")["log_format"] == "default"


@check
def update_log_settings(call: Call) -> None:
    changed = call("update_log_settings", {"log_verbose_level": 1})
    assert changed["log_verbose_level"] == 1
    assert call("update_log_settings", {"log_verbose_level": 0})["log_verbose_level"] == 0


# Each is refused with these arguments.
_SHARED_MEMORY: dict[str, tuple[tuple[object, ...], ...]] = {
    "register_system_shared_memory": (("region", "/key", 64),),
    "unregister_system_shared_memory": ((), ("region",)),
    "get_system_shared_memory_status": ((), ("region",)),
    "register_cuda_shared_memory": (("region", b"handle", 0, 64),),
    "unregister_cuda_shared_memory": ((), ("region",)),
    "get_cuda_shared_memory_status": ((), ("region",)),
}


def _refuses(method: str) -> Check:
    def refuses(call: Call) -> None:
        for arguments in _SHARED_MEMORY[method]:
            with pytest.raises(InferenceServerException, match="Shared memory") as caught:
                call(method, *arguments)
            assert caught.value.status() == "403"

    return refuses


CHECKS |= {method: _refuses(method) for method in _SHARED_MEMORY}


@check
def infer(call: Call) -> None:
    for given in (None, "gzip", "deflate"):
        for answered in (None, "gzip", "deflate"):
            result = call(
                "infer",
                "echo",
                [tensor(binary=given is None)],
                request_compression_algorithm=given,
                response_compression_algorithm=answered,
            )
            assert np.array_equal(result.as_numpy("Y"), ROW)
    _infers_with_all_options(call)
    _infers_texts_and_classes(call)
    _infers_a_sequence(call)


def _infers_with_all_options(call: Call) -> None:
    numbers = np.array([[1, 2, 3]], dtype=np.int32)
    result = call(
        "infer",
        "pair",
        [tensor("A", numbers), tensor("B", numbers, binary=False)],
        model_version="1",
        outputs=[triton.InferRequestedOutput("SUM", binary_data=False)],
        request_id="seven",
        priority=2,
        timeout=5_000_000,
        query_params={"a": ["b", "c"]},
        parameters={"mine": "x"},
    )
    answer = result.get_response()
    assert (answer["id"], answer["model_version"]) == ("seven", "1")
    assert result.as_numpy("SUM").tolist() == [[2, 4, 6]]
    assert result.as_numpy("DIFFERENCE") is None


def _infers_texts_and_classes(call: Call) -> None:
    texts = np.array([["é".encode()], [b""]], dtype=np.object_)
    result = call("infer", "words", [tensor("text_input", texts)])
    assert np.array_equal(result.as_numpy("text_output"), texts)
    scores = np.array([[0, 3, 1, 2, 0]], dtype=np.float32)
    wanted = [triton.InferRequestedOutput("SCORES", class_count=2)]
    result = call("infer", "digits", [tensor("SCORES_IN", scores)], outputs=wanted)
    assert result.as_numpy("SCORES").tolist() == [[b"3.000000:1:one", b"2.000000:3:three"]]


def _infers_a_sequence(call: Call) -> None:
    totals = []
    for step in range(3):
        value = np.array([[10 + step]], dtype=np.int32)
        result = call(
            "infer",
            "counter",
            [tensor("VALUE", value)],
            sequence_id=1007,
            sequence_start=step == 0,
            sequence_end=step == 2,
        )
        totals.append(int(result.as_numpy("TOTAL")[0, 0]))
    assert totals == [10, 21, 33]


@check
def generate_request_body(call: Call) -> None:
    body, json_bytes = call("generate_request_body", [tensor()], request_id="eight")
    fields = {"Inference-Header-Content-Length": str(json_bytes)}
    answered, answer = call.raw("/v2/models/echo/infer", body, fields)
    assert b'"id":"eight"' in answer and answer.endswith(ROW.tobytes())
    assert int(answered["Inference-Header-Content-Length"]) < len(answer)


@check
def parse_response_body(call: Call) -> None:
    body, json_bytes = call("generate_request_body", [tensor()])
    fields = {"Inference-Header-Content-Length": str(json_bytes)}
    answered, answer = call.raw("/v2/models/echo/infer", body, fields)
    length = int(answered["Inference-Header-Content-Length"])
    result = call("parse_response_body", answer, header_length=length)
    assert np.array_equal(result.as_numpy("Y"), ROW)
