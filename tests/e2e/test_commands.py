"""The commands as a person or a script uses them."""

import json
import os
import socket
from pathlib import Path

import httpx2
import pytest

from stack.trial import free_ports
from tests.e2e.running_stack import SAMPLES, RunningStack
from tests.e2e.test_refusals import BODY, INFER


class StackOnIpv6(RunningStack):
    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"CONCH_HOST": "::"}


def test_models_shows_versions_and_backends(stack: RunningStack) -> None:
    found = {
        status["name"]: status for status in json.loads(stack.conch("models", "--json").stdout)
    }
    assert (found["mnist_mlp"]["version"], found["mnist_mlp"]["backend"]) == ("1", "pytorch")
    assert (found["mnist_cnn"]["version"], found["mnist_cnn"]["backend"]) == ("1", "onnxruntime")
    assert {status["state"] for status in found.values()} == {"READY"}


def test_doctor_finds_nothing_missing_while_the_stack_runs(stack: RunningStack) -> None:
    done = stack.conch("doctor")
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout


def test_doctor_names_a_missing_server_and_exits_1(stack: RunningStack) -> None:
    done = stack.conch("doctor", "--triton-server", "/absent/tritonserver")
    assert done.returncode == 1
    assert "/absent/tritonserver" in done.stdout


def test_keys_are_listed_without_their_secret(stack: RunningStack) -> None:
    key = stack.new_key("--rate", "5/s", "--burst", "9", "--models", "mnist_*")
    listed = stack.conch("keys", "list", "--json").stdout
    record = next(entry for entry in json.loads(listed) if entry["id"] == key.split("_")[1])
    assert (record["rate"], record["burst"]) == ("5/s", 9)
    assert record["grants"] == ["config:read,infer,metadata,repository:index,stats=mnist_*"]
    assert key.split("_")[2] not in listed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["infer", "mnist_cnn", "absent.png", "--key", "x"], "401"),
        (["keys", "revoke", "absent"], "absent"),
        (["export", "mnist_xyz"], "mnist_xyz"),
        (["models", "--triton-urls", "http://127.0.0.1:1"], "does not answer"),
    ],
)
def test_a_mistake_is_one_paragraph_and_exit_code_1(
    stack: RunningStack, arguments: list[str], said: str
) -> None:
    done = stack.conch(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("conch: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_exit_code_2(stack: RunningStack) -> None:
    assert stack.conch("infer").returncode == 2
    refused = stack.conch("keys", "create", "--tenant", "t", "--rate", "fast")
    assert refused.returncode == 2 and "'fast'" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["infer", "mnist_cnn", "x.png", "--url", "http://[::"], "http://[:: is no URL"),
        (["models", "--triton-urls", "http://[x"], "CONCH_TRITON_URLS is 'http://[x'"),
        (["gateway", "--port", "99999"], "CONCH_PORT: '99999' is over 65535"),
    ],
)
def test_a_value_that_cannot_be_is_one_paragraph_and_exit_code_2(
    stack: RunningStack, arguments: list[str], said: str
) -> None:
    done = stack.conch(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("conch: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_brackets_of_others_are_shown_as_they_are(stack: RunningStack) -> None:
    stack.new_key("--models", "mnist_[abc]*")
    assert "mnist_[abc]*" in stack.conch("keys", "list").stdout


def test_the_gateway_runs_alone_before_a_triton_elsewhere(
    stack: RunningStack, tmp_path: Path
) -> None:
    ports = [*free_ports(2), *stack.ports[2:]]
    alone = RunningStack(tmp_path, command="gateway", ports=ports)
    alone.start()
    try:
        key = alone.new_key()
        assert alone.get(INFER, key, json=BODY).status_code == 200
    finally:
        assert alone.stop() == 0
    with pytest.raises(httpx2.TransportError):
        alone.get("/v2/health/live")


def test_the_gateway_listens_on_ipv6_and_infer_finds_it(
    stack: RunningStack, tmp_path: Path
) -> None:
    ports = [*free_ports(2), *stack.ports[2:]]
    alone = StackOnIpv6(tmp_path, command="gateway", ports=ports)
    alone.start()
    try:
        assert f"http://[::1]:{ports[0]} " in alone.output
        picture, key = str(SAMPLES / "digit-7-1.png"), alone.new_key()
        done = alone.conch("infer", "mnist_cnn", picture, "--key", key, "--json")
        assert json.loads(done.stdout)["label"] == "7", done.stderr
    finally:
        assert alone.stop() == 0


def test_an_unreadable_picture_is_refused(stack: RunningStack, key: str) -> None:
    done = stack.conch("infer", "mnist_cnn", str(SAMPLES.parent / "__init__.py"), "--key", key)
    assert done.returncode == 1
    assert "cannot be read as a picture" in done.stderr


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path, command: str) -> None:
    mine = RunningStack(tmp_path, command=command)
    (tmp_path / "model_repository").mkdir()
    with socket.create_server(("127.0.0.1", mine.ports[0])):
        done = mine.conch(command)
    assert done.returncode == 1
    assert f"Port {mine.ports[0]} is held by process {os.getpid()}" in done.stderr
    assert "CONCH_PORT" in done.stderr
    assert "Ready" not in done.stdout


def test_a_whole_key_can_be_revoked_and_is_not_echoed(stack: RunningStack) -> None:
    key = stack.new_key()
    first, second = stack.conch("keys", "revoke", key), stack.conch("keys", "revoke", key)
    assert (first.returncode, second.returncode) == (0, 1)
    assert key.split("_")[2] not in first.stdout + first.stderr + second.stdout + second.stderr
