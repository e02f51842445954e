"""Starts that do not go as planned: what `conch up` and `conch doctor` say then."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stack.trial import CONCH, free_ports
from tests.e2e.running_stack import RunningStack
from tests.e2e.test_load_and_crashes import triton_pid


@pytest.mark.parametrize("command", [[CONCH], [sys.executable, "-m", "stack"]])
def test_ctrl_c_while_it_is_imported_is_quiet(tmp_path: Path, command: list[str]) -> None:
    # A shell starts what it runs in the background with Ctrl-C ignored, and that is inherited.
    heard = "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    (tmp_path / "typer.py").write_text(f"{heard}; os.kill(os.getpid(), signal.SIGINT)")
    done = subprocess.run(
        [*command, "up"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_a_damaged_database_is_one_paragraph_with_what_to_do(tmp_path: Path, command: str) -> None:
    mine = RunningStack(tmp_path, command=command)
    (tmp_path / "model_repository").mkdir()
    mine.state_dir.mkdir()
    (mine.state_dir / "conch.db").write_text("this is no database " * 500)
    done = mine.conch(command)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"{mine.state_dir}/conch.db cannot be used: file is not a database" in done.stderr
    assert "move it away" in done.stderr


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_an_address_of_another_machine_ends_the_start_at_once(tmp_path: Path, command: str) -> None:
    mine = RunningStack(tmp_path, command=command)
    (tmp_path / "model_repository").mkdir()
    done = mine.conch(command, CONCH_HOST="203.0.113.1")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "CONCH_HOST is 203.0.113.1, where nothing can listen on this machine" in done.stderr


def test_brackets_in_a_path_are_printed_as_they_are(tmp_path: Path) -> None:
    mine = BracketedStack(tmp_path, command="gateway", ports=free_ports(5))
    mine.start()
    try:
        assert f"logs in {mine.state_dir}/logs" in mine.output
        found = mine.conch("doctor").stdout
        assert f"CONCH_STATE_DIR is {mine.state_dir}, and Triton" in found
    finally:
        assert mine.stop() == 0


class BracketedStack(RunningStack):
    @property
    def state_dir(self) -> Path:
        return self.folder / "[" / "x]:dog:"


def test_doctor_tells_of_what_a_killed_parent_left(own_stack: RunningStack) -> None:
    left_behind = triton_pid(own_stack.folder)
    own_stack.stop(signal.SIGKILL)
    try:
        done = own_stack.conch("doctor")
    finally:
        own_stack.start()
    assert done.returncode == 0, done.stdout
    assert f"process {left_behind} (tritonserver)" in done.stdout
    assert "the next start ends them" in done.stdout
    assert "No process is left" in own_stack.conch("doctor").stdout
