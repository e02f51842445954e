"""A short run of the rounds; the long one is `python -m tests.gateway.abuse.rounds`."""

import subprocess
import sys


def test_nothing_is_left_of_hundreds_of_hostile_rounds() -> None:
    command = [sys.executable, "-m", "tests.gateway.abuse.rounds", "--rounds", "800"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
