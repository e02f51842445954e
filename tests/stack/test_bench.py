"""What the benchmark counts, and what it leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.test_load_and_crashes import processes_of
from tests.waiting import wait_until


def bench(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    (folder / "model_repository").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "stack.bench", "--seconds", "1", "--rounds", "1", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_load_that_fails_leaves_no_process(tmp_path: Path) -> None:
    running = bench(tmp_path, "--model", "absent")
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "The load on http://" in said
    assert processes_of(tmp_path) == []


def test_a_bench_that_is_ended_leaves_no_process(tmp_path: Path) -> None:
    running = bench(tmp_path)
    wait_until(lambda: any("tritonserver" in line for line in processes_of(tmp_path)), 30)
    running.terminate()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM, said
    assert processes_of(tmp_path) == []
