"""What the benchmark says where it cannot run."""

import os
import subprocess
import sys
from pathlib import Path


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stack.gateway_bench", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_a_missing_load_generator_is_named(tmp_path: Path) -> None:
    done = bench(PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "wrk is not installed; `apt-get install wrk`" in done.stderr


def test_a_program_that_is_none_is_named(tmp_path: Path) -> None:
    wrk = tmp_path / "wrk"
    wrk.touch(mode=0o755)
    done = bench("--nginx", "/no/nginx", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "--nginx is '/no/nginx', which is no program" in done.stderr
