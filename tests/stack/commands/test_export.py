"""`conch export` as it is typed, without a running server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DECLARED = """
import numpy as np
from torch import nn
from exporters.spec import ModelSpec, TensorSpec

class Doubler(nn.Module):
    def forward(self, x):
        return x * 2

spec = ModelSpec(
    name="doubler",
    build=Doubler,
    max_batch_size=4,
    samples=({"x": np.ones(3, np.float32)},),
)
"""


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(DECLARED, encoding="utf-8")
    return tmp_path


def conch(workplace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "stack", "export", *arguments],
        cwd=workplace,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_inputs_that_were_read_are_to_be_confirmed(workplace: Path) -> None:
    done = conch(workplace, "nets:spec", "--format", "torchscript")
    assert done.returncode == 2
    assert "TensorSpec(name='x', dtype='float32', shape=(3,))" in done.stdout.replace('"', "'")
    assert "--yes" in done.stderr
    assert not (workplace / "model_repository/doubler").exists()


def test_a_model_is_published_and_its_row_shown(workplace: Path) -> None:
    done = conch(workplace, "nets:spec", "--format", "torchscript", "--yes")
    assert done.returncode == 0, done.stderr
    assert (workplace / "model_repository/doubler/1/model.pt").is_file()
    row = next(line for line in done.stdout.splitlines() if line.startswith("doubler  torch"))
    assert row.split()[1:3] == ["torchscript", "fp32"]
    assert "Next: conch versions doubler" in done.stdout


def test_json_holds_what_scripts_read(workplace: Path) -> None:
    done = conch(workplace, "nets:spec", "--format", "torchscript", "--yes", "--json")
    [record] = json.loads(done.stdout)
    assert (record["model"], record["version"], record["unproven"]) == ("doubler", 1, "")
    assert set(record["latency_us"]) == {"1", "4"}


def test_a_report_is_written(workplace: Path) -> None:
    conch(workplace, "nets:spec", "--format", "torchscript", "--yes", "--html", "report.html")
    assert "<h1>doubler</h1>" in (workplace / "report.html").read_text(encoding="utf-8")


def test_a_model_with_a_version_is_not_missing(workplace: Path) -> None:
    options = ("nets:spec", "--format", "torchscript", "--yes", "--missing")
    conch(workplace, *options)
    assert "Nothing is missing." in conch(workplace, *options).stdout


def test_an_unknown_model_is_one_paragraph(workplace: Path) -> None:
    done = conch(workplace, "nets:absent")
    assert done.returncode == 1
    assert "absent" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_without_a_folder_is_refused_before_any_work(workplace: Path) -> None:
    done = conch(workplace, "nets:spec", "--yes", "--html", "absent/report.html")
    assert (done.returncode, "there is no folder absent" in done.stderr) == (2, True)
    assert not (workplace / "model_repository").exists()
