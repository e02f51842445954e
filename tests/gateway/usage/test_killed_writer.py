"""Whatever line a process that writes usage is killed at, nothing counts twice or is lost."""

import subprocess
import sys
from pathlib import Path

import pytest


# With 1 in place of the steps, every line: minutes.
@pytest.mark.parametrize(("role", "every", "least"), [("writer", 41, 15), ("adopter", 41, 10)])
def test_a_kill_at_any_line_leaves_each_count_written_once(
    tmp_path: Path, role: str, every: int, least: int
) -> None:
    program = [sys.executable, "-m", "tests.gateway.usage.killed_writer"]
    done = subprocess.run(
        [*program, str(tmp_path), role, str(every)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) >= least
