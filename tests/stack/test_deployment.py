"""Versions go into service in a real Triton while clients call the model without pause."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from exporters.errors import PublishError
from exporters.publishing.versions import rejection, served_versions
from exporters.repository import published_versions
from stack.deployment import Deployment, open_deployment
from stack.errors import DeploymentError
from stack.load_note import was_interrupted
from stack.settings import StackSettings
from stack.state import note_triton, state_lock
from stack.triton_client import TritonClient
from tests.clients import Clients
from tests.stack.factor_models import (
    BODY,
    ONNX,
    TORCHSCRIPT,
    config_text,
    publish_factor,
    publish_failing_warm_up,
    write_factor,
)
from tests.stack.running_triton import RunningTriton, running_triton, triton_settings
from tests.waiting import wait_until

CLIENTS = 4


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTriton]:
    """One server for the file; each test has a model of its own in it."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "models").mkdir()
    with running_triton(folder / "models", folder / "state") as running:
        yield running


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)[:60]


class ModelClients(Clients):
    """Call one model without pause, and count what they are answered."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(CLIENTS)
        self.answers: Counter[object] = Counter()
        self._url = f"{url}/v2/models/{name}/infer"

    def until(self, factor: float) -> None:
        """Wait until every client has been answered by the version with this factor only."""
        self.answers[factor] = 0
        wait_until(lambda: self.answers[factor] > 20 * CLIENTS, 20, f"{self.answers}")

    def _call_until_stopped(self) -> None:
        with httpx2.Client(timeout=30, trust_env=False) as http:
            while not self.stopped:
                answer = http.post(self._url, json=BODY)
                body = answer.json()
                ok = answer.status_code == 200
                self.answers[body["outputs"][0]["data"][0] if ok else answer.text] += 1


@contextmanager
def deployment(triton: RunningTriton) -> Iterator[Deployment]:
    client = TritonClient(triton.http_url)
    try:
        yield Deployment(client, triton.repository)
    finally:
        triton.call(client.close())


def answer(triton: RunningTriton, name: str) -> float | None:
    """The factor of the version that answers; None if none does."""
    got = httpx2.post(f"{triton.http_url}/v2/models/{name}/infer", json=BODY)
    return float(got.json()["outputs"][0]["data"][0]) if got.status_code == 200 else None


def test_an_upgrade_and_the_way_back_fail_no_request(triton: RunningTriton, name: str) -> None:
    publish_factor(triton.repository, name, 1)
    with deployment(triton) as deploy:
        assert triton.call(deploy.activate(name, 1))
        publish_factor(triton.repository, name, 2, serve=False)
        assert served_versions(triton.repository, name) == [1]
        with ModelClients(triton.http_url, name) as clients:
            clients.until(1)
            for version in (2, 1, 2, 1):
                assert triton.call(deploy.activate(name, version))
                assert served_versions(triton.repository, name) == [version]
                clients.until(version)
        assert set(clients.answers) == {1, 2}
        assert triton.call(deploy.client.ready_versions(name)) == [1]


def test_a_version_of_another_format_takes_over_with_its_own_configuration(
    triton: RunningTriton, name: str
) -> None:
    publish_factor(triton.repository, name, 1, backend=ONNX, labels=("a", "b"))
    with deployment(triton) as deploy:
        triton.call(deploy.activate(name, 1))
        publish_factor(
            triton.repository, name, 2, backend=TORCHSCRIPT, labels=("c", "d"), serve=False
        )
        with ModelClients(triton.http_url, name) as clients:
            clients.until(1)
            triton.call(deploy.activate(name, 2))
            clients.until(2)
            assert first_label(triton, name) == "c"
            triton.call(deploy.activate(name, 1))
            clients.until(1)
            assert first_label(triton, name) == "a"
        assert set(clients.answers) == {1, 2}


def first_label(triton: RunningTriton, name: str) -> str:
    asked = {"outputs": [{"name": "y", "parameters": {"classification": 1}}]}
    got = httpx2.post(f"{triton.http_url}/v2/models/{name}/infer", json=BODY | asked)
    return str(got.json()["outputs"][0]["data"][0]).split(":")[2]


def test_a_version_that_does_not_load_leaves_the_old_one_serving(
    triton: RunningTriton, name: str
) -> None:
    publish_factor(triton.repository, name, 1)
    with deployment(triton) as deploy, ModelClients(triton.http_url, name) as clients:
        triton.call(deploy.activate(name, 1))
        clients.until(1)
        clients.answers.clear()
        publish_factor(triton.repository, name, None, serve=False)
        with pytest.raises(DeploymentError, match=r"Version 2 .* is no model that ONNX Runtime"):
            triton.call(deploy.activate(name, 2))
        clients.until(1)
    assert set(clients.answers) == {1}
    assert served_versions(triton.repository, name) == [1]
    noted = rejection(triton.repository, name, 2)
    assert noted is not None
    assert "is no model that ONNX Runtime" in noted.reason


def test_a_version_that_fails_its_warm_up_leaves_the_old_one_serving(
    triton: RunningTriton, name: str
) -> None:
    publish_factor(triton.repository, name, 1)
    with deployment(triton) as deploy, ModelClients(triton.http_url, name) as clients:
        triton.call(deploy.activate(name, 1))
        clients.until(1)
        clients.answers.clear()
        pid = triton.pid
        publish_failing_warm_up(triton.repository, name)
        with pytest.raises(DeploymentError, match=r"three numbers are wanted\. Version 1 goes on"):
            triton.call(deploy.activate(name, 2))
        clients.until(1)
    assert set(clients.answers) == {1}
    assert served_versions(triton.repository, name) == [1]
    noted = rejection(triton.repository, name, 2)
    assert noted is not None
    assert noted.reason.startswith("its warm-up 'one' fails: ")
    # Left to Triton, a failing warm-up may end it.
    assert triton.pid == pid


def test_a_load_that_is_given_up_is_told_and_taken_back_later(
    triton: RunningTriton, name: str
) -> None:
    publish_factor(triton.repository, name, 1)
    with deployment(triton) as deploy:
        triton.call(deploy.activate(name, 1))
        publish_factor(triton.repository, name, 2, serve=False)
        impatient = replace(deploy, load_timeout_s=0.001)
        with pytest.raises(DeploymentError, match="gave no answer in time, while it loaded it"):
            triton.call(impatient.activate(name, 2))
        assert served_versions(triton.repository, name) == [1]
        assert was_interrupted(triton.repository, name)
        triton.call(deploy.take_back(name))
        assert not was_interrupted(triton.repository, name)
        assert answer(triton, name) == 1


def test_a_stranger_on_the_port_is_not_asked(tmp_path: Path, triton: RunningTriton) -> None:
    port = triton.settings.triton_http_port
    settings = triton_settings(tmp_path / "models", tmp_path / "state", triton_http_port=port)
    publish_factor(tmp_path / "models", "small", 1)

    async def activated() -> bool:
        async with open_deployment(settings) as deploy:
            return await deploy.activate("small", 1)

    assert not triton.call(activated())


def test_a_command_finds_the_running_stack_whatever_flags_that_was_given(
    tmp_path: Path, triton: RunningTriton
) -> None:
    settings = triton_settings(tmp_path / "models", tmp_path / "state")
    with state_lock(tmp_path / "state"):
        # As `conch gateway` does, in front of a Triton elsewhere.
        assert triton.call(found_server(settings)) == (False, False)
        note_triton(tmp_path / "state", triton.http_url)
        assert triton.call(found_server(settings)) == (True, True)
        elsewhere = triton_settings(
            tmp_path / "models", tmp_path / "state", triton_urls=f"{triton.http_url}/elsewhere"
        )
        assert triton.call(found_server(elsewhere)) == (False, False)
    assert triton.call(found_server(settings)) == (False, False)


async def found_server(settings: StackSettings) -> tuple[bool, bool]:
    """Whether it answers, and whether it is the one with our own backends."""
    async with open_deployment(settings) as deploy:
        return await deploy.live(), deploy.embedded


def test_a_policy_that_moved_too_early_moves_back(triton: RunningTriton, name: str) -> None:
    publish_factor(triton.repository, name, 1, backend=TORCHSCRIPT)
    with deployment(triton) as deploy:
        triton.call(deploy.activate(name, 1))
        publish_factor(triton.repository, name, None, backend=ONNX, serve=True)
        assert served_versions(triton.repository, name) == [2]
        with pytest.raises(DeploymentError, match="Version 1 goes on serving"):
            triton.call(deploy.activate(name, 2))
    assert served_versions(triton.repository, name) == [1]
    assert TORCHSCRIPT in (triton.repository / name / "config.pbtxt").read_text()
    assert answer(triton, name) == 1


def test_a_version_copied_in_by_hand_is_served_with_the_configuration_there_is(
    triton: RunningTriton, name: str
) -> None:
    folder = triton.repository / name
    for factor in (1, 2):
        (folder / str(factor)).mkdir(parents=True)
        write_factor(folder / str(factor), factor)
    (folder / "config.pbtxt").write_text(config_text(ONNX))
    with deployment(triton) as deploy:
        triton.call(deploy.activate(name, 2))
        assert answer(triton, name) == 2
        triton.call(deploy.activate(name, 1))
        assert answer(triton, name) == 1
        # Mended, a rejected version may be taken again.
        (folder / "2/model.onnx").write_bytes(b"")
        with pytest.raises(DeploymentError):
            triton.call(deploy.activate(name, 2))
        write_factor(folder / "2", 3)
        triton.call(deploy.activate(name, 2))
        assert answer(triton, name) == 3
        assert rejection(triton.repository, name, 2) is None


def test_a_removed_model_is_gone_from_the_server_and_the_repository(
    triton: RunningTriton, name: str
) -> None:
    publish_factor(triton.repository, name, 1)
    with deployment(triton) as deploy:
        triton.call(deploy.activate(name, 1))
        triton.call(deploy.remove(name))
        assert triton.call(deploy.client.ready_versions(name)) == []
    assert not (triton.repository / name).exists()
    assert answer(triton, name) is None


def test_pruning_keeps_what_the_server_serves(triton: RunningTriton, name: str) -> None:
    for factor in (1, 2, 3, 4):
        publish_factor(triton.repository, name, factor)
    with deployment(triton) as deploy:
        triton.call(deploy.activate(name, 2))
        assert triton.call(deploy.prune(name, keep=1)) == [1, 3]
        assert answer(triton, name) == 2
    assert published_versions(triton.repository, name) == [2, 4]


def test_without_a_server_only_the_files_change(triton: RunningTriton, tmp_path: Path) -> None:
    for factor in (1, 2):
        publish_factor(tmp_path / "models", "small", factor)
    deploy = Deployment(TritonClient("http://127.0.0.1:1"), tmp_path / "models")
    assert not triton.call(deploy.activate("small", 1))
    assert served_versions(tmp_path / "models", "small") == [1]
    assert triton.call(deploy.prune("small", keep=1)) == []
    with pytest.raises(PublishError, match="no version 9"):
        triton.call(deploy.activate("small", 9))
    triton.call(deploy.remove("small"))
    assert not (tmp_path / "models/small").exists()
    triton.call(deploy.client.close())
