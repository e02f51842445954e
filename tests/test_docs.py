"""Generated documentation says what the code says."""

import subprocess
import sys


def test_the_generated_parts_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "-m", "stack.reference"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
