"""Triton's own HTTP clients, the blocking and the asynchronous one, with every call they have."""

import asyncio
import http.client
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.gateway.conftest import RunningGateway

pytest.importorskip("tritonclient.http", reason="NVIDIA's client comes with the extra [loadtest]")

import tritonclient.http
import tritonclient.http.aio
from tritonclient.http import InferenceServerClientPlugin
from tritonclient.utils import InferenceServerException

from tests.gateway.triton_calls import CHECKS, ROW, tensor

# Tested below by themselves: they ask nothing, or not in the way of the others.
ELSEWHERE = {"async_infer", "close", "plugin", "register_plugin", "unregister_plugin"}
KINDS = ("blocking", "asynchronous")


class Caller:
    """A client of either kind, called in the same way."""

    def __init__(self, kind: str, gateway: RunningGateway, token: str, base_path: str = "") -> None:
        self.runner = asyncio.Runner()
        self.fields = {"Authorization": f"Bearer {token}"}
        self._port = gateway.port
        module = tritonclient.http if kind == "blocking" else tritonclient.http.aio
        address = f"127.0.0.1:{gateway.port}{base_path}"
        self.client = self.runner.run(_made(module, address))

    def __call__(self, method: str, *arguments: Any, **named: Any) -> Any:
        function = getattr(self.client, method)
        if "headers" in inspect.signature(function).parameters:
            # A copy: the client writes into what it is given.
            named.setdefault("headers", dict(self.fields))
        value = function(*arguments, **named)
        return self.runner.run(value) if inspect.isawaitable(value) else value

    def raw(self, path: str, body: bytes, fields: dict[str, str]) -> tuple[dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("POST", path, body, self.fields | fields)
            answer = connection.getresponse()
            return dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        self("close")
        self.runner.close()


@pytest.fixture(params=KINDS)
def call(request: pytest.FixtureRequest, gateway: RunningGateway) -> Iterator[Caller]:
    caller = Caller(request.param, gateway, gateway.new_key(grants=["*=*"]).token)
    yield caller
    caller.close()


async def _made(module: Any, address: str) -> Any:
    # The asynchronous client can only be made where its loop runs.
    return module.InferenceServerClient(address)


@pytest.mark.parametrize("method", CHECKS)
def test_every_call_does_through_the_gateway_what_it_does_at_triton(
    call: Caller, method: str
) -> None:
    CHECKS[method](call)


def test_no_call_of_the_clients_is_left_out() -> None:
    for module in (tritonclient.http, tritonclient.http.aio):
        functions = inspect.getmembers(module.InferenceServerClient, inspect.isfunction)
        public = {name for name, _ in functions if not name.startswith("_")}
        assert public <= set(CHECKS) | ELSEWHERE
    functions = inspect.getmembers(tritonclient.http.InferenceServerClient, inspect.isfunction)
    assert set(CHECKS) | ELSEWHERE == {n for n, _ in functions if not n.startswith("_")}


def test_requests_sent_ahead_come_back_in_any_order(gateway: RunningGateway) -> None:
    fields = {"Authorization": f"Bearer {gateway.new_key().token}"}
    address = f"127.0.0.1:{gateway.port}"
    with tritonclient.http.InferenceServerClient(address, concurrency=4) as client:
        asked = [
            client.async_infer("echo", [tensor(data=ROW * number)], headers=dict(fields))
            for number in range(20)
        ]
        for number, answer in reversed(list(enumerate(asked))):
            assert np.array_equal(answer.get_result().as_numpy("Y"), ROW * number)


def test_a_plugin_brings_the_key(call: Caller) -> None:
    class Key(InferenceServerClientPlugin):
        def __call__(self, request: Any) -> None:
            request.headers.update(call.fields)

    with pytest.raises(InferenceServerException, match="No API key"):
        call("get_model_metadata", "echo", headers=None)
    call("register_plugin", Key())
    assert call("get_model_metadata", "echo", headers=None)["name"] == "echo"
    assert isinstance(call("plugin"), Key)
    call("unregister_plugin")
    assert call("plugin") is None


def test_a_closed_client_can_be_closed_again(call: Caller) -> None:
    call("close")


@pytest.mark.parametrize("kind", KINDS)
def test_a_base_path_is_told_to_be_none(kind: str, gateway: RunningGateway) -> None:
    caller = Caller(kind, gateway, gateway.new_key().token, base_path="/base")
    try:
        with pytest.raises(InferenceServerException, match=r"no path '/base/v2/models/echo'"):
            caller("get_model_metadata", "echo")
    finally:
        caller.close()


def test_a_key_without_the_permission_is_told_which_it_lacks(
    gateway: RunningGateway,
) -> None:
    caller = Caller("blocking", gateway, gateway.new_key("echo").token)
    try:
        for method, arguments in (
            ("load_model", ["echo"]),
            ("unload_model", ["echo"]),
            ("update_trace_settings", ["echo", {"trace_rate": "1"}]),
            ("update_log_settings", [{"log_verbose_level": 0}]),
        ):
            with pytest.raises(InferenceServerException) as caught:
                caller(method, *arguments)
            assert caught.value.status() == "403"
    finally:
        caller.close()


def test_lists_show_a_key_its_own_models_only(gateway: RunningGateway) -> None:
    caller = Caller("blocking", gateway, gateway.new_key("p*").token)
    try:
        assert {entry["name"] for entry in caller("get_model_repository_index")} == {"pair"}
        stats = caller("get_inference_statistics")["model_stats"]
        assert {entry["name"] for entry in stats} == {"pair"}
    finally:
        caller.close()
