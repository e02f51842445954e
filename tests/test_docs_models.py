"""The files that docs/models.md shows are written down and exported, by the commands it shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporters.declaring.model_toml import read_model_toml
from exporters.spec import ModelSpec
from exporters.tensors import TensorSpec
from tests.exporters.artefacts.files import IRIS

PAGE = Path(__file__).parent.parent / "docs" / "models.md"
CONCH = Path(sys.executable).with_name("conch")


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A folder with every file of the page."""
    page = PAGE.read_text(encoding="utf-8")
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        (tmp_path / name).write_text(text)
    (tmp_path / "iris.onnx").write_bytes(IRIS.read_bytes())
    subprocess.run([sys.executable, "train.py"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_commands_of_the_page_publish_its_models(shown: Path) -> None:
    commands = re.findall(r"^```sh\nconch (.*?)\n```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run([CONCH, *command.split()], cwd=shown, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    published = sorted(path.parent.name for path in shown.glob("model_repository/*/config.pbtxt"))
    assert published == ["flowers", "iris", "petals"]


def test_every_field_of_a_declaration_is_explained() -> None:
    page = PAGE.read_text()
    fields = {*ModelSpec.model_fields, *TensorSpec.model_fields} - {"build"}
    ways = ("`{}`", "`{} =", "`[[{}]]`", "`[{}]`")
    assert [f for f in fields if not any(way.format(f) in page for way in ways)] == []


def test_inputs_and_outputs_of_the_page_may_be_left_out(shown: Path) -> None:
    from exporters.declaring.declare import complete

    path = shown / "model.toml"
    whole = read_model_toml(path)
    path.write_text(path.read_text().partition("[[inputs]]")[0])
    assert complete(read_model_toml(path)).inputs == whole.inputs
