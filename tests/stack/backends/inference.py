"""Calls to a running Triton, by the two encodings its clients use."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import numpy as np
import tritonclient.http as tritonhttp
from tritonclient.utils import np_to_triton_dtype

from tests.stack.running_triton import RunningTriton

Arrays = Mapping[str, np.ndarray[Any, Any]]


def infer_binary(
    triton: RunningTriton, model: str, arrays: Arrays, outputs: Sequence[str]
) -> dict[str, Any]:
    """One request through tritonclient with binary tensors."""
    return infer_together(triton, model, [arrays], outputs)[0]


def infer_together(
    triton: RunningTriton, model: str, requests: Sequence[Arrays], outputs: Sequence[str]
) -> list[Any]:
    """Requests sent at the same time: each one's outputs, or its exception."""
    with tritonhttp.InferenceServerClient(triton.http_address, concurrency=16) as client:
        sent = [
            client.async_infer(
                model,
                [_input(name, array) for name, array in arrays.items()],
                outputs=[tritonhttp.InferRequestedOutput(name) for name in outputs],
            )
            for arrays in requests
        ]
        return [_outcome(answer, outputs) for answer in sent]


def infer_json(
    triton: RunningTriton, model: str, inputs: list[dict[str, Any]], outputs: Sequence[str]
) -> tuple[int, dict[str, Any]]:
    """Status and body of one request in JSON."""
    body = {"inputs": inputs, "outputs": [{"name": name} for name in outputs]}
    answer = httpx2.post(f"{triton.http_url}/v2/models/{model}/infer", json=body, timeout=30)
    return answer.status_code, answer.json()


def statistics(triton: RunningTriton, model: str) -> tuple[int, int]:
    """Samples inferred and runs executed so far; counted a moment after the answers."""
    answer = httpx2.get(f"{triton.http_url}/v2/models/{model}/stats", timeout=5).json()
    counted = answer["model_stats"][0]
    return counted["inference_count"], counted["execution_count"]


def _outcome(answer: Any, outputs: Sequence[str]) -> Any:
    try:
        result = answer.get_result()
    except Exception as error:
        return error
    return {name: result.as_numpy(name) for name in outputs}


def _input(name: str, array: Any) -> Any:
    tensor = tritonhttp.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return tensor
