"""Clients call a model through the gateway without pause while its versions come and go."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from exporters.publishing.versions import published_versions, served_versions
from tests.clients import Clients
from tests.e2e.running_stack import RunningStack
from tests.stack.factor_models import (
    BODY,
    ONNX,
    TORCHSCRIPT,
    publish_factor,
    write_factor,
)
from tests.waiting import wait_until

CLIENTS = 16
MODEL = "factor"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """`conch up` with one small model."""
    running = RunningStack(tmp_path_factory.mktemp("upgrade"))
    publish_factor(running.folder / "model_repository", MODEL, 1)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def repository(stack: RunningStack) -> Path:
    return stack.folder / "model_repository"


@pytest.fixture
def load(stack: RunningStack) -> "Iterator[Load]":
    with Load(stack) as load:
        load.until(served_factor(stack))
        yield load


class Load(Clients):
    """Sixteen clients; every answer that is not a version's own is a failure."""

    def __init__(self, stack: RunningStack) -> None:
        super().__init__(CLIENTS)
        self.answers: Counter[float] = Counter()
        self.failures: Counter[str] = Counter()
        self._url = f"{stack.url}/v2/models/{MODEL}/infer"
        self._headers = {"Authorization": f"Bearer {stack.new_key()}"}

    def until(self, factor: float) -> None:
        """Wait until the version with this factor is the one that answers."""
        self.answers.clear()
        wait_until(lambda: self.answers[factor] > 10 * CLIENTS, 60, f"{self.answers}")
        self.answers.clear()
        wait_until(lambda: self.answers[factor] > 2 * CLIENTS, 60, f"{self.answers}")
        assert set(self.answers) == {factor}

    def _call_until_stopped(self) -> None:
        with httpx2.Client(timeout=60, trust_env=False, headers=self._headers) as http:
            while not self.stopped:
                try:
                    answer = http.post(self._url, json=BODY)
                except httpx2.HTTPError as error:
                    self.failures[repr(error)] += 1
                    continue
                if answer.status_code == 200:
                    self.answers[answer.json()["outputs"][0]["data"][0]] += 1
                else:
                    self.failures[f"{answer.status_code} {answer.text}"] += 1


def served_factor(stack: RunningStack) -> float:
    got = httpx2.post(f"{stack.triton_url}/v2/models/{MODEL}/infer", json=BODY)
    return float(got.json()["outputs"][0]["data"][0])


def conch(stack: RunningStack, *arguments: str) -> str:
    done = stack.conch(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_upgrade_rollback_and_pruning_fail_no_request(
    stack: RunningStack, repository: Path, load: Load
) -> None:
    # Another format, so that the configuration changes as well.
    publish_factor(repository, MODEL, 2, backend=TORCHSCRIPT, serve=False)
    load.until(2)
    publish_factor(repository, MODEL, 3, backend=ONNX, serve=False)
    load.until(3)
    assert "factor serves version 2" in conch(stack, "rollback", MODEL)
    load.until(2)
    assert "factor serves version 1" in conch(stack, "rollback", MODEL, "--to", "1")
    load.until(1)
    assert "factor serves version 3" in conch(stack, "rollback", MODEL, "--to", "3")
    # At once, while the last one is still being dropped.
    assert "factor serves version 1" in conch(stack, "rollback", MODEL, "--to", "1")
    assert "factor serves version 3" in conch(stack, "rollback", MODEL, "--to", "3")
    load.until(3)
    assert "version 1, 2" in conch(stack, "prune", MODEL, "--keep", "1")
    load.until(3)
    assert load.failures == {}
    assert served_versions(repository, MODEL) == published_versions(repository, MODEL) == [3]


def test_a_broken_version_leaves_the_old_one_serving(
    stack: RunningStack, repository: Path, load: Load
) -> None:
    before = served_versions(repository, MODEL)
    broken = publish_factor(repository, MODEL, None, serve=False)
    wait_until(lambda: f"Version {broken} of '{MODEL}' was not taken: " in stack.output, 30)
    load.until(served_factor(stack))
    assert load.failures == {}
    assert served_versions(repository, MODEL) == before
    shown = json.loads(conch(stack, "versions", MODEL, "--json"))
    (status,) = [entry for entry in shown if entry["version"] == broken]
    assert "is no model that ONNX Runtime" in status["rejected"]
    assert (status["served"], status["state"]) == (False, "UNAVAILABLE")
    again = stack.conch("rollback", MODEL, "--to", str(broken))
    assert again.returncode == 1
    assert again.stderr.startswith(f"conch: Version {broken} of '{MODEL}' was not taken: ")
    assert load.failures == {}


def test_a_version_copied_by_hand_is_taken_when_it_is_whole(
    stack: RunningStack, repository: Path, load: Load
) -> None:
    version = repository / MODEL / str(max(published_versions(repository, MODEL)) + 1)
    version.mkdir()
    write_factor(version, 7)
    load.until(7)
    assert load.failures == {}
    # Clients may be told sooner than the one who reads the output.
    wait_until(lambda: f"model {MODEL} serves version {version.name}" in stack.output, 30)


def test_a_stack_that_is_killed_serves_the_same_version_again(
    stack: RunningStack, repository: Path
) -> None:
    factor, served = served_factor(stack), served_versions(repository, MODEL)
    assert stack.process
    stack.process.kill()
    stack.process.wait()
    stack.start()
    assert served_factor(stack) == factor
    assert served_versions(repository, MODEL) == served


def test_a_removed_model_is_asked_about_and_then_gone(
    stack: RunningStack, repository: Path
) -> None:
    refused = stack.conch("remove", MODEL)
    assert refused.returncode == 1
    assert (repository / MODEL).is_dir()
    assert "factor is removed" in conch(stack, "remove", MODEL, "--yes")
    assert not (repository / MODEL).exists()
    got = httpx2.post(f"{stack.triton_url}/v2/models/{MODEL}/infer", json=BODY)
    assert got.status_code == 404
    gone = stack.conch("versions", MODEL)
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"conch: There is no model '{MODEL}' in ")
    assert stack.conch("prune", MODEL).returncode == 2
