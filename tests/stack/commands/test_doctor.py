"""`conch doctor` explains what stands in a log."""

import json
import subprocess
import sys
from pathlib import Path

MISMATCH = "E1122 x.cc:1] expecting library version 11.1.0.106 got 11.4.0.106, please rebuild\n"


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "stack", "doctor", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_known_error_in_a_log_is_explained(tmp_path: Path) -> None:
    log = tmp_path / "triton.log"
    log.write_text(MISMATCH, encoding="utf-8")
    done = doctor("--log", str(log))
    assert done.returncode == 1
    assert "The engine was built by TensorRT 11.4.0.106" in done.stdout
    assert "container with the server's own tag" in done.stdout


def test_a_log_without_known_errors_passes(tmp_path: Path) -> None:
    log = tmp_path / "triton.log"
    log.write_text("I1122 all is well\n", encoding="utf-8")
    done = doctor("--log", str(log))
    assert (done.returncode, "no known error" in done.stdout) == (0, True)


def test_an_error_of_the_last_run_is_told_and_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/triton.log").write_text(MISMATCH, encoding="utf-8")
    checks = json.loads(doctor("--json", "--state-dir", str(tmp_path)).stdout)
    [told] = [check for check in checks if check["name"] == "log"]
    assert told["ok"]
    assert "11.4.0.106" in told["detail"]


def test_a_log_that_is_a_folder_is_wrong_use(tmp_path: Path) -> None:
    done = doctor("--log", str(tmp_path))
    assert done.returncode == 2
    assert "cannot be read" in done.stderr


def test_an_absent_log_is_wrong_use(tmp_path: Path) -> None:
    done = doctor("--log", str(tmp_path / "absent.log"))
    assert (done.returncode, "There is no log" in done.stderr) == (2, True)
