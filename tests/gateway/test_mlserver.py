"""The gateway before MLServer, another server of the same protocol: `make test-mlserver`."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.gateway.conftest import running_gateway
from tests.gateway.differential.case import Case
from tests.gateway.differential.wire import Answer, KeepAliveClient
from tests.gateway.processes import PATIENCE_S, free_port, wait_for

# An environment of its own: its dependencies are no concern of this project's.
PROGRAM = Path(__file__).parents[2] / "build" / "mlserver" / "bin" / "mlserver"
MODELS = Path(__file__).parent / "mlserver_models"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="`make test-mlserver` installs it")


@dataclass
class Both:
    """The server itself, and the gateway before it."""

    direct: KeepAliveClient
    through: KeepAliveClient
    token: str

    def ask(self, case: Case) -> tuple[Answer, Answer]:
        through = self.through.ask(case.wire("gateway", self.token))
        return self.direct.ask(case.wire("mlserver", None)), through


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with mlserver() as port, running_gateway(port, tmp_path_factory.mktemp("state")) as gateway:
        token = gateway.new_key(grants=["*=*"]).token
        direct, through = KeepAliveClient(port), KeepAliveClient(gateway.port)
        yield Both(direct, through, token)
        direct.close()
        through.close()


@contextmanager
def mlserver() -> Iterator[int]:
    """MLServer on loopback with the model `twice`; yields its port."""
    port = free_port()
    told = {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_GRPC_PORT": str(free_port()),
        "MLSERVER_METRICS_ENDPOINT": "",
        "MLSERVER_PARALLEL_WORKERS": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        [str(PROGRAM), "start", str(MODELS)],
        env=kept | told,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/models/twice/ready", process)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _post(path: str, document: object) -> Case:
    fields = (("Content-Type", "application/json"),)
    return Case(path, "POST", path, json.dumps(document).encode(), fields)


def _infer(*numbers: object, verb: str = "infer", model: str = "twice") -> Case:
    inputs = [{"name": "x", "shape": [len(numbers)], "datatype": "INT64", "data": numbers}]
    # It makes an id up for a request without one.
    return _post(f"/v2/models/{model}/{verb}", {"id": "7", "inputs": inputs})


CASES = {
    "server": Case("", "GET", "/v2"),
    "live": Case("", "GET", "/v2/health/live"),
    "ready": Case("", "GET", "/v2/health/ready"),
    "metadata": Case("", "GET", "/v2/models/twice"),
    "metadata of a version": Case("", "GET", "/v2/models/twice/versions/1"),
    "metadata of an unknown model": Case("", "GET", "/v2/models/thrice"),
    "model ready": Case("", "GET", "/v2/models/twice/ready"),
    "version not there": Case("", "GET", "/v2/models/twice/versions/2/ready"),
    "infer": _infer(1, 2, 3),
    "infer in chunks": _infer(1, 2, 3).chunked(7),
    "infer, gzip out": _infer(*range(1000)).with_fields("", Accept_Encoding="gzip"),
    "infer on much": _infer(*range(50_000)),
    "infer, a version": replace(_infer(1), path="/v2/models/twice/versions/1/infer"),
    "infer, unknown model": _infer(1, model="thrice"),
    "infer, refused by the model": _infer(-1),
    "infer, the model fails": _infer("a"),
    "infer, bad JSON": replace(_infer(1), body=b"{"),
    "infer, no inputs": _post("/v2/models/twice/infer", {}),
    "infer, no content type": replace(_infer(1), fields=()),
    "generate": _infer(4, verb="generate"),
    "stream": _infer(*range(20), verb="generate_stream"),
    "stream of nothing": _infer(verb="generate_stream"),
    "index": _post("/v2/repository/index", {}),
    "index of the ready": _post("/v2/repository/index", {"ready": True}),
    "load": _post("/v2/repository/models/twice/load", {}),
    "load of an unknown model": _post("/v2/repository/models/thrice/load", {}),
    "unload of an unknown model": _post("/v2/repository/models/thrice/unload", {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_gateway_answers_as_mlserver_does(both: Both, name: str) -> None:
    direct, through = both.ask(CASES[name])
    assert not direct.broken
    assert through.status == direct.status
    assert through.body == direct.body
    assert through.end_to_end() == direct.through_gateway()
    assert through.field("proxy-status") is None


def test_a_model_is_unloaded_and_loaded(both: Both) -> None:
    ready = CASES["model ready"].wire("gateway", both.token)
    for verb, status in (("unload", 400), ("load", 200)):
        case = _post(f"/v2/repository/models/twice/{verb}", {})
        assert both.through.ask(case.wire("gateway", both.token)).status == 200
        answer = both.through.ask(ready)
        assert (answer.status == 200) == (status == 200)


@pytest.mark.parametrize("path", ["/v2/models/twice/infer_stream", "/v2/docs", "/metrics"])
def test_what_only_mlserver_has_is_no_path_of_the_gateway(both: Both, path: str) -> None:
    assert both.through.ask(Case("", "GET", path).wire("gateway", both.token)).status == 404
