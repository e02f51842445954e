"""What a client sees when it is refused: status, headers and the one body of every error."""

import http_sfv
import httpx2
import numpy
import pytest
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.e2e.running_stack import RunningStack
from tests.waiting import wait_until

INFER = "/v2/models/mnist_mlp/infer"
BODY = {"inputs": [{"name": "image", "shape": [1, 784], "datatype": "FP32", "data": [0.0] * 784}]}


def assert_problem(answer: httpx2.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["error"] == body["detail"]
    assert body["request_id"] == answer.headers["X-Request-Id"]


def test_no_key_is_a_401(stack: RunningStack) -> None:
    answer = stack.get(INFER, json=BODY)
    assert_problem(answer, 401, answer.json()["code"])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_key_is_a_401(stack: RunningStack, key: str) -> None:
    answer = stack.get(INFER, key[:-1] + ("a" if key[-1] != "a" else "b"), json=BODY)
    assert_problem(answer, 401, answer.json()["code"])


def test_tritonclient_raises_its_own_exception_with_our_message(stack: RunningStack) -> None:
    client = tritonclient.http.InferenceServerClient(stack.url.removeprefix("http://"))
    tensor = tritonclient.http.InferInput("image", [1, 784], "FP32")
    tensor.set_data_from_numpy(numpy.zeros((1, 784), numpy.float32))
    with pytest.raises(InferenceServerException, match="key"):
        client.infer("mnist_mlp", [tensor])
    client.close()


def test_a_model_the_key_may_not_see_is_unknown_to_it(stack: RunningStack) -> None:
    limited = stack.new_key("--models", "mnist_cnn")
    hidden = stack.get(INFER, limited, json=BODY)
    unknown = stack.get("/v2/models/mnist_xyz/infer", stack.new_key(), json=BODY)
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.text.replace("mnist_mlp", "NAME") == unknown.text.replace("mnist_xyz", "NAME")
    assert hidden.headers.keys() == unknown.headers.keys()


def test_over_the_rate_is_a_429_that_says_when_to_come_back(stack: RunningStack) -> None:
    limited = stack.new_key("--rate", "1/m", "--burst", "2")
    answers = [stack.get(INFER, limited, json=BODY) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[-1]
    assert_problem(refused, 429, refused.json()["code"])
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    for name in ("RateLimit", "RateLimit-Policy"):
        parsed = http_sfv.List()
        parsed.parse(refused.headers[name].encode())
        assert len(parsed) == 1


def test_a_revoked_key_is_refused_soon(stack: RunningStack) -> None:
    revoked = stack.new_key()
    assert stack.get(INFER, revoked, json=BODY).status_code == 200
    key_id = revoked.split("_")[1]
    assert stack.conch("keys", "revoke", key_id).returncode == 0
    wait_until(lambda: stack.get(INFER, revoked, json=BODY).status_code == 401)


def test_an_unknown_path_is_a_404(stack: RunningStack, key: str) -> None:
    answer = stack.get("/v2/models/mnist_mlp/nothing", key)
    assert_problem(answer, 404, answer.json()["code"])


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready"])
def test_health_needs_no_key(stack: RunningStack, path: str) -> None:
    assert stack.get(path).status_code == 200


def test_metrics_count_requests_by_model_and_status(stack: RunningStack, key: str) -> None:
    stack.get(INFER, key, json=BODY)

    def counted() -> bool:
        text = httpx2.get(f"{stack.admin_url}/metrics").text
        return 'model="mnist_mlp"' in text and 'status="200"' in text

    wait_until(counted, 5.0)
