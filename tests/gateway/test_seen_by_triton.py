"""What the real Triton gets to see of a request, and what of its answers is marked as whose."""

import http.client
import json
import re
from collections.abc import Iterator

import pytest

from tests.gateway.conftest import RunningGateway
from tests.gateway.differential.bodies import Inference, Tensor, echo, infer_case
from tests.gateway.differential.case import Case
from tests.gateway.differential.wire import Answer, KeepAliveClient
from tests.gateway.processes import GatewayProcess, free_port
from tests.waiting import wait_until

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TOLD = Inference("told", [Tensor("X", "BOOL", [1], [True])]).case("told")


@pytest.fixture(scope="module")
def token(gateway: RunningGateway) -> str:
    return gateway.new_key().token


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[KeepAliveClient]:
    client = KeepAliveClient(gateway.port)
    yield client
    client.close()


def _seen(client: KeepAliveClient, token: str, **fields: str) -> dict[str, str]:
    """The request's fields as Triton has them: it makes parameters of them, and a model tells."""
    answer = client.ask(TOLD.with_fields("", **fields).wire("gateway", token))
    told = json.loads(answer.body)["outputs"][0]["data"][0]
    return {name.lower(): value for name, value in json.loads(told).items()}


def test_triton_sees_what_is_for_it_and_nothing_else(
    gateway: RunningGateway, client: KeepAliveClient, token: str
) -> None:
    seen = _seen(
        client,
        token,
        Content_Type="application/json",
        Cookie="a=b",
        User_Agent="curl/8",
        X_API_Key="ck_other",
        X_Forwarded_For="192.0.2.1",
        X_Tenant="other",
        Forwarded="for=192.0.2.1",
        Priority="5",
        Sequence_Id="5",
        triton_grpc_error="true",
        Via="1.1 elsewhere",
        Traceparent=TRACEPARENT,
        Tracestate="vendor=1",
        X_Request_Id="job-7",
    )
    assert seen == {
        "host": f"127.0.0.1:{gateway.triton_port}",
        "content-type": "application/json",
        "content-length": str(len(TOLD.body)),
        "accept-encoding": "identity",
        "traceparent": TRACEPARENT,
        "tracestate": "vendor=1",
        "via": "1.1 conch",
        "x-request-id": "job-7",
    }


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        TRACEPARENT.upper(),
        TRACEPARENT + "-more",
        "ff" + TRACEPARENT[2:],
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
    ],
)
def test_what_is_no_trace_begins_a_new_one(client: KeepAliveClient, token: str, given: str) -> None:
    seen = _seen(client, token, Traceparent=given, Tracestate="vendor=1")
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", seen["traceparent"])
    assert seen["traceparent"] != given and "tracestate" not in seen
    assert _seen(client, token)["traceparent"] != seen["traceparent"]


def test_a_request_has_one_id_for_the_client_and_for_triton(
    client: KeepAliveClient, token: str
) -> None:
    for given, is_kept in (("job-7", True), ("a b", False), ("x" * 129, False), ("", False)):
        answer = client.ask(TOLD.with_fields("", X_Request_Id=given).wire("gateway", token))
        returned = answer.field("x-request-id")
        assert (returned == given) == is_kept
        assert f'\\"X-Request-Id\\":\\"{returned}\\"' in answer.body.decode()


def test_triton_compresses_only_for_clients_that_ask(client: KeepAliveClient, token: str) -> None:
    assert _seen(client, token)["accept-encoding"] == "identity"
    for given in ("gzip", "deflate, gzip;q=0.5"):
        case = echo(8).case("").with_fields("", Accept_Encoding=given)
        coding = client.ask(case.wire("gateway", token)).field("content-encoding")
        assert coding is not None and coding in given


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/echo", 200),
        ("/v2/models/nobody", 404),
        ("/v2/models/echo/versions/9/ready", 400),
    ],
)
def test_tritons_own_answers_pass_a_proxy_and_have_no_proxy_status(
    client: KeepAliveClient, token: str, path: str, status: int
) -> None:
    answer = client.ask(Case("", "GET", path).wire("gateway", token))
    assert answer.status == status
    assert answer.field("via") == "1.1 conch"
    assert answer.field("proxy-status") is None


def test_our_own_answers_say_so(client: KeepAliveClient, token: str) -> None:
    for case, key, error in (
        (Case("", "GET", "/nowhere"), token, "http_request_error"),
        (Case("", "GET", "/v2"), None, "http_request_denied"),
        (Case("", "POST", "/v2/logging", b"{}"), token, "http_request_denied"),
        (infer_case("", "/v2/models/echo/infer", {"shape": [10**9]}), token, "http_request_error"),
    ):
        answer = client.ask(case.wire("gateway", key))
        assert answer.field("proxy-status") == f"conch; error={error}"
        assert answer.field("x-request-id") == json.loads(answer.body)["request_id"]


def test_events_reach_the_client_while_others_are_still_to_come(
    gateway: RunningGateway, token: str
) -> None:
    assert _first_event_of_many(gateway, token).startswith(b'data: {"model_name":"story"')


def test_a_client_that_leaves_a_stream_frees_the_model(
    gateway: RunningGateway, client: KeepAliveClient, token: str
) -> None:
    _first_event_of_many(gateway, token)
    # The model has one instance, which the other client's stream would keep for minutes.
    answer: Answer = client.ask(_story({"count": 1}).wire("gateway", token))
    assert answer.status == 200 and b'"again 0"' in answer.body


def _first_event_of_many(gateway: RunningGateway, token: str) -> bytes:
    """Reads one event of a stream that would take minutes, and leaves."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    case = _story({"count": 10_000, "delay_ms": 50})
    try:
        connection.request("POST", case.path, case.body, {"Authorization": f"Bearer {token}"})
        return connection.getresponse().readline()
    finally:
        connection.close()


def _story(document: dict[str, int]) -> Case:
    return infer_case("", "/v2/models/story/generate_stream", {"text_input": "again", **document})


def test_an_error_within_a_stream_of_events_is_counted(
    gateway: RunningGateway, client: KeepAliveClient, token: str
) -> None:
    answer = client.ask(_story({"count": 3, "fail_after": 1}).wire("gateway", token))
    assert answer.status == 200 and b'data: {"error":"the story ends after 1"}' in answer.body
    port = free_port()
    admin = GatewayProcess("gateway.admin", gateway.settings(CONCH_ADMIN_PORT=str(port)))
    admin.start()
    try:
        admin.wait_until_listening(port)
        counted = b'conch_stream_errors_total{model="story"} '
        wait_until(lambda: counted in _metrics(port))
    finally:
        admin.stop()


def _metrics(port: int) -> bytes:
    client = KeepAliveClient(port)
    try:
        return client.ask(Case("", "GET", "/metrics").wire("admin", None)).body
    finally:
        client.close()
