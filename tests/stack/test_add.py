import json
import subprocess
from pathlib import Path

import pytest

from stack.trial import CONCH
from tests.exporters.artefacts.files import IRIS


def conch_add(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [CONCH, "add", "--state-dir", str(folder / "state"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_an_added_file_is_shown_as_json(tmp_path: Path) -> None:
    done = conch_add(tmp_path, str(IRIS), "--name", "iris", "--max-batch-size", "2", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["version"] == 1
    assert shown["inputs"] == [{"name": "X", "dtype": "float32", "shape": [4]}]
    assert (tmp_path / "model_repository" / "iris" / "config.pbtxt").is_file()


def test_a_question_is_one_paragraph_that_ends_with_what_to_type(tmp_path: Path) -> None:
    folder = tmp_path / "model_repository" / "iris" / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(IRIS.read_bytes())
    done = conch_add(tmp_path, "--complete", "iris")
    assert done.returncode == 1
    assert ": conch add " in done.stderr
    assert done.stderr.endswith(" --complete iris --max-batch-size 32\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Name the file and the model: conch add model.onnx --name my_model"),
        ([str(IRIS)], 2, f"Give the model a name: conch add {IRIS} --name iris"),
        (
            ["--complete", "iris", "--name", "iris"],
            2,
            "--complete names a folder of the repository",
        ),
        ([str(IRIS), "--name", "i", "--labels", "y"], 2, "write the output and the file: y=labels"),
        ([str(IRIS), "--name", "i", "--input", "x"], 1, "'x' does not describe a tensor"),
        ([str(IRIS), "--name", "a/b", "--max-batch-size", "2"], 1, "'a/b' cannot be served"),
    ],
)
def test_what_cannot_be_understood_is_said(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = conch_add(tmp_path, *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
