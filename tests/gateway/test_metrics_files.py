"""Files of metrics: whose are kept when a worker starts."""

import os
import subprocess
from pathlib import Path

import pytest

from gateway.metrics_files import (
    VARIABLE,
    forget_dead_processes,
    forget_process,
    prepare_metrics,
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, "")
    return prepare_metrics(tmp_path)


def _dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_the_directory_is_made_and_told_to_the_library(directory: Path) -> None:
    assert directory.is_dir()
    assert os.environ[VARIABLE] == str(directory)


def test_nothing_is_kept_when_no_process_is_left(tmp_path: Path, directory: Path) -> None:
    for pid in (_dead_pid(), os.getpid()):
        (directory / f"counter_{pid}.db").touch()
    forget_dead_processes(tmp_path)
    assert not list(directory.iterdir())


def test_counts_of_the_dead_are_kept_while_another_lives(tmp_path: Path, directory: Path) -> None:
    dead, alive = _dead_pid(), os.getppid()
    for name in (f"counter_{dead}", f"gauge_livesum_{dead}", f"gauge_livesum_{alive}"):
        (directory / f"{name}.db").touch()
    forget_dead_processes(tmp_path)
    kept = {file.stem for file in directory.iterdir()}
    assert kept == {f"counter_{dead}", f"gauge_livesum_{alive}"}


def test_of_a_process_that_ended_only_its_counts_are_kept(tmp_path: Path, directory: Path) -> None:
    names = ("counter_7", "histogram_7", "gauge_livesum_7", "gauge_livemin_7", "gauge_livesum_77")
    for name in names:
        (directory / f"{name}.db").touch()
    forget_process(tmp_path, 7)
    kept = {file.stem for file in directory.iterdir()}
    assert kept == {"counter_7", "histogram_7", "gauge_livesum_77"}
