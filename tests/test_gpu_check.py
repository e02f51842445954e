"""What the GPU check says where it cannot prove anything."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exporters.tensorrt_parts import modelopt

DEPLOY = Path(__file__).parent.parent / "deploy"
TOOLS = ("bash", "dirname", "sed")


def check(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script where only `path` has programs."""
    for tool in TOOLS:
        (path / tool).symlink_to(str(shutil.which(tool)))
    return subprocess.run(
        [path / "bash", DEPLOY / "gpu_check.sh", *arguments],
        env={**os.environ, "PATH": str(path)},
        capture_output=True,
        text=True,
    )


def pretend(path: Path, program: str, text: str) -> None:
    (path / program).write_text(f"#!{shutil.which('bash')}\n{text}\n")
    (path / program).chmod(0o755)


def test_a_machine_without_a_driver_is_refused(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no nvidia-smi, so no NVIDIA driver" in done.stderr


def test_a_driver_without_a_gpu_is_refused(tmp_path: Path) -> None:
    pretend(tmp_path, "nvidia-smi", "exit 9")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "finds no GPU" in done.stderr


def test_a_machine_without_docker_is_refused(tmp_path: Path) -> None:
    pretend(tmp_path, "nvidia-smi", "echo NVIDIA H100, 9.0, 615.61")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "there is no docker" in done.stderr


def test_a_docker_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    pretend(tmp_path, "nvidia-smi", "echo NVIDIA H100, 9.0, 615.61")
    pretend(tmp_path, "docker", "exit 1")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "docker cannot be reached" in done.stderr


@pytest.mark.parametrize("argument", ["--quantised", "26", "26.9"])
def test_an_argument_that_means_nothing_is_refused(tmp_path: Path, argument: str) -> None:
    done = check(tmp_path, argument)
    assert done.returncode == 1
    assert f"'{argument}' is neither --quantized nor a release" in done.stderr


def test_modelopt_is_the_version_that_the_exporter_names() -> None:
    assert f"modelopt_version={modelopt.VERSION}\n" in (DEPLOY / "gpu_check.sh").read_text()


def test_the_table_compares_every_engine_with_torchscript(tmp_path: Path) -> None:
    row = {
        "model": "digits",
        "format": "torchscript",
        "precision": "fp32",
        "layers": {},
        "known_from": "",
        "worst_error": 0.0,
        "allowed": 1e-4,
        "compute_us": {"1": 400.0, "64": 900.0},
    }
    engine = {
        "format": "tensorrt",
        "precision": "fp16",
        "layers": {"fp16": 3},
        "known_from": "engine",
        "compute_us": {"1": 50.0, "64": 300.0},
    }
    rows = tmp_path / "rows.jsonl"
    rows.write_text(f"{json.dumps(row)}\n{json.dumps({**row, **engine})}\n")
    done = subprocess.run(
        [sys.executable, DEPLOY / "gpu_check.py", "table", rows],
        capture_output=True,
        text=True,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    assert all(part in last for part in ("tensorrt fp16", "3 fp16", "engine", "8.0x, 3.0x"))
