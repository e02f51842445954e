"""What the Makefile says where it cannot work."""

import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"


@pytest.mark.parametrize("target", ["serve", "lock"])
def test_a_missing_python_is_said_before_anything_is_done(tmp_path: Path, target: str) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    (tmp_path / "build" / "lock").mkdir(parents=True)
    done = subprocess.run(
        ["make", "-f", str(MAKEFILE), target, "PYTHON="],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f"needs Python 3.11 or 3.12; none was found. Install one, or name it: make {target}" in (
        done.stderr
    )
    assert (tmp_path / "build" / "lock").exists()
