"""Whether a trial model answers what the shipped one answers, also when requests share a batch."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from exporters.extras import extra
from exporters.manifest import Manifest
from exporters.tensors import TRITON_TYPES, Tolerance
from loadtest.infer_body import InferBody
from stack.errors import TuningError

_TIMEOUT_S = 30.0
_DTYPES = {triton.removeprefix("TYPE_"): name for name, triton in TRITON_TYPES.items()}


def check_answers(
    url: str,
    shipped: str,
    chosen: str,
    bodies: Sequence[InferBody],
    tolerances: Mapping[str, Tolerance],
) -> float:
    """The largest difference; TuningError where one is out of tolerance.

    The shipped model is asked one by one, the chosen one at the same time, as its clients do.
    """
    expected = [_ask(url, shipped, body) for body in bodies]
    with ThreadPoolExecutor(len(bodies)) as pool:
        actual = list(pool.map(lambda body: _ask(url, chosen, body), bodies))
    return max(
        _difference(name, before, now[name], tolerances.get(name))
        for known, now in zip(expected, actual, strict=True)
        for name, before in known.items()
    )


def tolerances_of(manifest: Manifest | None) -> dict[str, Tolerance]:
    """By output, as the artefact was proven; what is not in it gets the default of its type."""
    rows = manifest.proof if manifest else ()
    return {row.output: Tolerance(row.absolute_tolerance, row.relative_tolerance) for row in rows}


def _ask(url: str, model: str, body: InferBody) -> dict[str, Any]:
    answer = httpx2.post(
        f"{url}/v2/models/{model}/infer",
        content=body.content,
        headers=body.headers,
        timeout=_TIMEOUT_S,
        trust_env=False,
    )
    if answer.status_code != 200:
        raise TuningError(
            f"The model answered {answer.status_code} to a sample: {answer.text.strip()}. Give "
            "inputs that it takes by --samples FILE.npz."
        )
    return _tensors(answer)


def _tensors(answer: httpx2.Response) -> dict[str, Any]:
    """Arrays by name; the bytes as they are for types that numpy does not know."""
    with extra("embedded"):
        import numpy

    at = int(answer.headers["Inference-Header-Content-Length"])
    tensors: dict[str, Any] = {}
    for output in json.loads(answer.content[:at])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        raw = answer.content[at : at + size]
        at += size
        dtype = _DTYPES.get(output["datatype"])
        tensors[output["name"]] = (
            numpy.frombuffer(raw, dtype).reshape(output["shape"]) if dtype else raw
        )
    return tensors


def _difference(name: str, expected: Any, actual: Any, tolerance: Tolerance | None) -> float:
    if isinstance(expected, bytes):
        if expected != actual:
            raise TuningError(_differs(name, "are not the same"))
        return 0.0
    with extra("export"):
        from exporters.proving.differences import difference
        from exporters.spec import TensorSpec

    if expected.shape != actual.shape:
        raise TuningError(_differs(name, f"have the shape {actual.shape} for {expected.shape}"))
    spec = TensorSpec(name=name, dtype=str(expected.dtype), shape=(1,), tolerance=tolerance)
    if expected.dtype == bool:
        expected, actual = expected.astype("uint8"), actual.astype("uint8")
    found = difference(spec, expected, actual)
    if not found.accepted:
        raise TuningError(
            _differs(name, f"are {found.error:.1e} apart; {found.limit:.1e} is allowed")
        )
    return found.max_abs_error


def _differs(name: str, how: str) -> str:
    return (
        f"With the values found, the answers in '{name}' {how}. Nothing was written: a model whose "
        "rows depend on their batch cannot be tuned."
    )
