"""The gateway before NVIDIA's server: the same bytes, and errors its own client understands."""

import http.client
import json

import pytest

from tests.gateway.conftest import RunningGateway

INFER = {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}


def _ask(
    port: int, method: str, path: str, body: bytes | None = None, **fields: str
) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method, f"/v2/models/hidden{version}{verb}")
        for version in ("", "/versions/1")
        for method, verb in (
            ("GET", ""),
            ("GET", "/config"),
            ("GET", "/stats"),
            ("GET", "/ready"),
            ("POST", "/infer"),
        )
    ],
)
def test_a_model_not_allowed_answers_as_triton_does_for_an_unknown_one(
    gateway: RunningGateway, method: str, path: str
) -> None:
    body = json.dumps(INFER).encode() if method == "POST" else None
    key = gateway.new_key("echo").token
    ours = _ask(gateway.port, method, path, body, Authorization=f"Bearer {key}")
    assert ours == _ask(gateway.triton_port, method, path, body)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v2", None),
        ("GET", "/v2/health/live", None),
        ("GET", "/v2/health/ready", None),
        ("GET", "/v2/models/echo", None),
        ("GET", "/v2/models/echo/ready", None),
        ("GET", "/v2/models/echo/config", None),
        ("GET", "/v2/models/unknown/config", None),
        ("POST", "/v2/models/echo/infer", json.dumps(INFER).encode()),
        ("POST", "/v2/models/echo/versions/1/infer", json.dumps(INFER).encode()),
        ("POST", "/v2/models/echo/versions/9/infer", json.dumps(INFER).encode()),
        ("POST", "/v2/models/echo/infer", b"{not json"),
        ("POST", "/v2/models/echo/infer", b""),
    ],
)
def test_what_triton_answers_is_passed_on_to_the_byte(
    gateway: RunningGateway, method: str, path: str, body: bytes | None
) -> None:
    key = gateway.new_key().token
    ours = _ask(gateway.port, method, path, body, Authorization=f"Bearer {key}")
    assert ours == _ask(gateway.triton_port, method, path, body)


def test_tritons_client_infers_through_the_gateway_with_binary_tensors(
    gateway: RunningGateway,
) -> None:
    import numpy as np
    import tritonclient.http as triton

    headers = {"Authorization": f"Bearer {gateway.new_key().token}"}
    with triton.InferenceServerClient(f"127.0.0.1:{gateway.port}") as client:
        assert client.is_server_live()
        assert client.is_model_ready("echo", headers=dict(headers))
        tensor = triton.InferInput("X", [2, 4], "FP32")
        data = np.arange(8, dtype=np.float32).reshape(2, 4)
        tensor.set_data_from_numpy(data, binary_data=True)
        for coding in (None, "gzip", "deflate"):
            result = client.infer(
                "echo",
                [tensor],
                headers=dict(headers),
                request_compression_algorithm=coding,
                response_compression_algorithm=coding,
            )
            assert np.array_equal(result.as_numpy("Y"), data)


def test_tritons_client_raises_its_own_exception_with_our_message(
    gateway: RunningGateway,
) -> None:
    import tritonclient.http as triton
    from tritonclient.utils import InferenceServerException

    with triton.InferenceServerClient(f"127.0.0.1:{gateway.port}") as client:
        with pytest.raises(InferenceServerException, match=r"No API key; send") as caught:
            client.get_model_metadata("echo")
        assert caught.value.status() == "401"
        limited = {"X-API-Key": gateway.new_key(rate="1/h").token}
        client.get_model_metadata("echo", headers=dict(limited))
        with pytest.raises(
            InferenceServerException, match="This key may send 1 requests/h"
        ) as caught:
            client.get_model_metadata("echo", headers=dict(limited))
        assert caught.value.status() == "429"
