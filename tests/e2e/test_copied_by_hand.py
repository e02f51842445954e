"""A folder without a configuration is copied into the repository of a running stack."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import onnx
import pytest
from onnx import TensorProto, helper

from exporters.publishing.staging import staging_root
from tests.e2e.running_stack import RunningStack
from tests.e2e.test_first_start import proofs_of
from tests.e2e.test_load_and_crashes import processes_of
from tests.waiting import wait_until

# An export in a process of its own, on a busy machine.
COMPLETED_S = 90


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """`conch up`, with one folder that was copied before it."""
    running = RunningStack(tmp_path_factory.mktemp("copied"))
    copy_in(running, "before", [4, 2])
    running.start()
    yield running
    assert running.stop() == 0


def copy_in(stack: RunningStack, name: str, shape: list[int | str]) -> None:
    """A folder `1` with a file that negates what it is given, and nothing else."""
    finished = stack.folder / f"{name}.onnx"
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", values[:1], values[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), finished)
    version = stack.folder / "model_repository" / name / "1"
    version.mkdir(parents=True)
    shutil.copy(finished, version / "model.onnx")


def hears(stack: RunningStack, line: str) -> None:
    wait_until(lambda: line in stack.output, COMPLETED_S, f"{line}: {stack.output}")


def answer(stack: RunningStack, name: str, shape: list[int]) -> list[float]:
    given = {"name": "x", "shape": shape, "datatype": "FP32", "data": [1.0] * (shape[0] * shape[1])}
    headers = {"Authorization": f"Bearer {stack.new_key()}"}
    url = f"{stack.url}/v2/models/{name}/infer"
    got = httpx2.post(url, json={"inputs": [given]}, headers=headers, timeout=30)
    assert got.status_code == 200, got.text
    found: list[float] = got.json()["outputs"][0]["data"]
    return found


def test_a_folder_that_was_there_before_the_start_is_served(stack: RunningStack) -> None:
    hears(stack, "model before serves version 1")
    assert answer(stack, "before", [4, 2]) == [-1.0] * 8


def test_a_copied_file_that_says_everything_is_served(stack: RunningStack) -> None:
    copy_in(stack, "after", [4, 2])
    hears(stack, "model after serves version 1")
    assert answer(stack, "after", [4, 2]) == [-1.0] * 8
    assert "again" not in stack.output


def test_what_a_copied_file_does_not_say_is_asked_and_the_answer_serves_it(
    stack: RunningStack,
) -> None:
    copy_in(stack, "asked", ["batch", 2])
    hears(stack, "--max-batch-size 32")
    assert "model asked has no config.pbtxt: " in stack.output
    assert "Traceback" not in stack.output
    asked = re.search(r"conch (add --complete asked .*--max-batch-size 32)", stack.output)
    assert asked
    done = stack.conch(*shlex.split(asked[1]))
    assert done.returncode == 0, done.stderr
    hears(stack, "model asked serves version 1")
    assert answer(stack, "asked", [3, 2]) == [-1.0] * 6
    verified = stack.conch("verify", "asked")
    assert verified.returncode == 0, verified.stdout
    assert "not repeated: " in verified.stdout


def test_nothing_is_left_of_a_completion_that_is_ended(tmp_path: Path) -> None:
    ended = RunningStack(tmp_path)
    copy_in(ended, "slowly", [4, 2])
    ended.start()
    wait_until(lambda: proofs_of(tmp_path), COMPLETED_S)
    assert ended.stop() == 0
    assert processes_of(tmp_path) == []
    assert list(staging_root(tmp_path / "model_repository").glob("*.staged")) == []
