"""The watcher beside a real Triton: files come and go, and what is served follows."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from exporters.publishing.staging import lock_model
from exporters.publishing.versions import rejection, served_versions
from exporters.repository import remove_model
from stack.deployment import Deployment
from stack.load_note import note_loading
from stack.model_look import look_at_models
from stack.triton_client import TritonClient
from stack.watcher import Watcher, complete_folder
from tests.stack.factor_models import BODY, ONNX, config_text, publish_factor, write_factor
from tests.stack.running_triton import RunningTriton, running_triton
from tests.stack.small_models import write_python_model
from tests.waiting import wait_until


@dataclass
class Watched:
    """A running Triton, the watcher beside it, and what that has said."""

    triton: RunningTriton
    said: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)

    @property
    def repository(self) -> Path:
        return self.triton.repository

    def answer(self, name: str) -> float | None:
        url = f"{self.triton.http_url}/v2/models/{name}/infer"
        got = httpx2.post(url, json=BODY)
        return float(got.json()["outputs"][0]["data"][0]) if got.status_code == 200 else None

    @property
    def triton_log(self) -> str:
        return (self.triton.settings.state_dir / "logs/triton.log").read_text()

    def hears(self, line: str) -> None:
        wait_until(lambda: any(line in text for text in self.said), 20, f"{line} in {self.said}")

    async def complete(self, folder: Path) -> str | None:
        self.completed.append(folder.name)
        if folder.name == "takes_long":
            await asyncio.Event().wait()
        (folder / "config.pbtxt").write_text(config_text(ONNX))
        return None


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One server and watcher for the file; each test has models of its own in it."""
    folder = tmp_path_factory.mktemp("watched")
    publish_factor(folder / "models", "there_before", 1)
    write_bare(folder / "models/bare_before", 6)
    with running_triton(folder / "models", folder / "state") as triton:
        watched = Watched(triton)
        client = TritonClient(triton.http_url)
        deployment = Deployment(client, triton.repository.resolve())
        watcher = Watcher(
            deployment,
            look_at_models(triton.repository),
            say=watched.said.append,
            complete=watched.complete,
        )
        publish_factor(triton.repository, "between", 1)
        watching = asyncio.run_coroutine_threadsafe(watcher.run(), triton.loop)
        yield watched
        watching.cancel()
        triton.call(client.close())


def test_a_model_that_appears_changes_and_vanishes_is_followed(watched: Watched) -> None:
    name = "comes_and_goes"
    publish_factor(watched.repository, name, 1)
    watched.hears(f"model {name} serves version 1")
    assert watched.answer(name) == 1
    publish_factor(watched.repository, name, 2, serve=False)
    watched.hears(f"model {name} serves version 2")
    assert watched.answer(name) == 2
    assert served_versions(watched.repository, name) == [2]
    remove_model(watched.repository, name)
    watched.hears(f"model {name} is gone")
    assert watched.answer(name) is None
    # Each has happened once, and has been said once.
    assert len([text for text in watched.said if name in text]) == 3


def test_what_came_before_the_watch_began_is_followed(watched: Watched) -> None:
    watched.hears("model between serves version 1")
    assert watched.answer("between") == 1


def test_a_half_copied_version_is_not_loaded_until_it_is_whole(
    watched: Watched, tmp_path: Path
) -> None:
    name = "half"
    publish_factor(watched.repository, name, 1)
    watched.hears(f"model {name} serves version 1")
    (watched.repository / name / "2").mkdir()
    (watched.repository / name / "2/README").touch()
    watched.hears(f"model {name}: version 2 has no model.onnx yet; version 1 goes on serving")
    assert watched.answer(name) == 1
    write_factor(watched.repository / name / "2", 2)
    watched.hears(f"model {name} serves version 2")
    assert watched.answer(name) == 2


def test_a_version_that_does_not_load_is_tried_once_and_again_when_it_is_mended(
    watched: Watched,
) -> None:
    name = "mended"
    publish_factor(watched.repository, name, 1)
    watched.hears(f"model {name} serves version 1")
    publish_factor(watched.repository, name, None, serve=False)
    watched.hears(f"Version 2 of '{name}' was not taken: ")
    assert watched.answer(name) == 1
    assert rejection(watched.repository, name, 2) is not None
    write_factor(watched.repository / name / "2", 2)
    watched.hears(f"model {name} serves version 2")
    assert watched.answer(name) == 2
    assert len([text for text in watched.said if "was not taken" in text and name in text]) == 1


def test_a_configuration_that_breaks_leaves_what_is_served(watched: Watched) -> None:
    name = "edited"
    publish_factor(watched.repository, name, 1)
    watched.hears(f"model {name} serves version 1")
    config = watched.repository / name / "config.pbtxt"
    text = config.read_text()
    config.write_text(text + "max_batch_")
    watched.hears(f"model {name} stays as it was: config.pbtxt does not parse")
    config.write_text(text.replace("dims: [2]", "dims: [3]"))
    embedded = watched.repository / name / "configs/embedded.pbtxt"
    embedded.write_text(text.replace("dims: [2]", "dims: [3, 3, 3]"))
    watched.hears(f"model {name} stays as it was: ")
    embedded.write_text(text.replace("max_batch_size: 8", "max_batch_size: 4"))
    watched.hears(f"model {name} serves version 1 again, as its files are now")
    got = httpx2.get(f"{watched.triton.http_url}/v2/models/{name}/config").json()
    assert got["max_batch_size"] == 4
    assert watched.answer(name) == 1


def test_what_a_command_has_told_triton_is_said_once_and_loaded_once(watched: Watched) -> None:
    name = "commanded"
    publish_factor(watched.repository, name, 1)
    watched.hears(f"model {name} serves version 1")
    deployment = Deployment(TritonClient(watched.triton.http_url), watched.repository)
    publish_factor(watched.repository, name, 2, serve=False)
    # At once, so that the watcher finds version and configuration together.
    watched.triton.call(deployment.activate(name, 2))
    watched.hears(f"model {name} serves version 2")
    loads = watched.triton_log.count(f"successfully loaded '{name}'")
    # There and back again within the quiet moment: nothing new for anybody.
    for version in (1, 2):
        watched.triton.call(deployment.activate(name, version))
    watched.triton.call(deployment.client.close())
    publish_factor(watched.repository, "after_commanded", 1)
    watched.hears("model after_commanded serves version 1")
    assert [text for text in watched.said if f" {name} " in text] == [
        f"model {name} serves version 1",
        f"model {name} serves version 2",
    ]
    assert watched.triton_log.count(f"successfully loaded '{name}'") == loads + 2


def test_a_version_that_a_killed_command_gave_triton_alone_is_put_in_service(
    watched: Watched,
) -> None:
    name = "killed"
    publish_factor(watched.repository, name, 1)
    watched.hears(f"model {name} serves version 1")
    deployment = Deployment(TritonClient(watched.triton.http_url), watched.repository)
    publish_factor(watched.repository, name, 2, serve=False)
    watched.triton.call(deployment._load(name, 2))
    assert served_versions(watched.repository, name) == [1]
    watched.hears(f"model {name} serves version 2")
    assert served_versions(watched.repository, name) == [2]
    assert watched.answer(name) == 2
    watched.triton.call(deployment.client.close())


def test_what_a_command_did_not_finish_is_taken_back(watched: Watched) -> None:
    name = "half_done"
    for factor in (1, 2):
        publish_factor(watched.repository, name, factor)
    watched.hears(f"model {name} serves version 2")
    deployment = Deployment(TritonClient(watched.triton.http_url), watched.repository)
    lock = lock_model(watched.repository, name)
    assert lock is not None
    note_loading(lock)
    watched.triton.call(deployment._load(name, 1))
    # As when it is killed: the kernel frees the lock.
    os.close(lock)
    watched.triton.call(deployment.client.close())
    watched.hears(f"model {name} serves version 2 again: what changed it was ended")
    assert watched.answer(name) == 2


def test_what_python_leaves_beside_a_model_is_no_change(watched: Watched) -> None:
    write_python_model(watched.repository, "own_python")
    watched.hears("model own_python serves version 1")
    cache = watched.repository / "own_python/1/__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "model.cpython-311.pyc").touch()
    publish_factor(watched.repository, "after_python", 1)
    watched.hears("model after_python serves version 1")
    assert len([text for text in watched.said if "own_python" in text]) == 1


def test_a_file_that_holds_anything_at_all_stops_nothing(watched: Watched) -> None:
    name = "latin"
    publish_factor(watched.repository, name, 1)
    watched.hears(f"model {name} serves version 1")
    config = watched.repository / name / "config.pbtxt"
    config.write_bytes(config.read_bytes() + "# größer".encode("latin-1"))
    watched.hears(f"model {name} stays as it was: ")
    publish_factor(watched.repository, "after_latin", 1)
    watched.hears("model after_latin serves version 1")


def test_going_back_is_no_new_version(watched: Watched) -> None:
    name = "back"
    for factor in (1, 2):
        publish_factor(watched.repository, name, factor)
    watched.hears(f"model {name} serves version 2")
    deployment = Deployment(TritonClient(watched.triton.http_url), watched.repository)
    watched.triton.call(deployment.activate(name, 1))
    watched.triton.call(deployment.client.close())
    watched.hears(f"model {name} serves version 1")
    # Had it gone to version 2 by itself, it would have done so before it saw this one.
    publish_factor(watched.repository, "after_back", 1)
    watched.hears("model after_back serves version 1")
    assert watched.answer(name) == 1


def test_a_folder_without_a_configuration_is_completed(watched: Watched, tmp_path: Path) -> None:
    write_bare(tmp_path / "bare", 5)
    shutil.copytree(tmp_path / "bare", watched.repository / "bare")
    watched.hears("model bare serves version 1")
    assert watched.completed.count("bare") == 1
    assert watched.answer("bare") == 5


def test_a_folder_without_a_configuration_that_was_there_before_is_completed(
    watched: Watched,
) -> None:
    watched.hears("model bare_before serves version 1")
    assert watched.completed.count("bare_before") == 1
    assert watched.answer("bare_before") == 6


def test_a_model_that_takes_long_keeps_no_other_waiting(watched: Watched) -> None:
    write_bare(watched.repository / "takes_long", 1)
    wait_until(lambda: "takes_long" in watched.completed, 20)
    publish_factor(watched.repository, "after_long", 1)
    watched.hears("model after_long serves version 1")
    assert watched.completed.count("takes_long") == 1


def test_nothing_is_said_of_what_was_there_before(watched: Watched) -> None:
    publish_factor(watched.repository, "later", 1)
    watched.hears("model later serves version 1")
    assert not [text for text in watched.said if "there_before" in text]


def write_bare(folder: Path, factor: float) -> None:
    (folder / "1").mkdir(parents=True)
    write_factor(folder / "1", factor)


def test_what_is_no_model_is_left_alone(watched: Watched) -> None:
    before = list(watched.said)
    for name in (".hidden", "has space"):
        publish_factor(watched.repository, name, 1)
    (watched.repository / "notes.txt").touch()
    os.mkdir(watched.repository / "empty")
    publish_factor(watched.repository, "after_all", 1)
    watched.hears("model after_all serves version 1")
    assert watched.said == [*before, "model after_all serves version 1"]


def test_a_folder_that_cannot_be_completed_says_why(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    problem = asyncio.run(complete_folder(tmp_path / "bare"))
    assert problem
    assert "Traceback" not in problem
