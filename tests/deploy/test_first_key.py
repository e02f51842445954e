"""`deploy/first_key.sh`, with a command in place of `conch`."""

import os
import subprocess
from pathlib import Path

from tests.deploy.compose_file import ROOT


def first_key(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run it with a `conch` that does this."""
    command = folder / "bin" / "conch"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    (folder / "credentials").mkdir(exist_ok=True)
    return subprocess.run(
        [ROOT / "deploy" / "first_key.sh", folder / "credentials"],
        env={"PATH": f"{command.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )


def test_why_no_key_could_be_made_is_said_and_the_next_start_makes_one(tmp_path: Path) -> None:
    done = first_key(tmp_path, "echo 'The database is away.' >&2; exit 1")
    assert done.returncode == 1
    assert done.stderr == "The database is away.\n"
    assert not (tmp_path / "credentials" / "api-key").exists()
    assert first_key(tmp_path, "echo ck_1; echo 'Shown once.' >&2").returncode == 0
    assert (tmp_path / "credentials" / "api-key").read_text() == "ck_1\n"


def test_what_is_there_stays_and_no_secret_is_said(tmp_path: Path) -> None:
    for token in ("ck_1", "ck_2"):
        done = first_key(tmp_path, f"echo {token}")
        assert token not in done.stdout + done.stderr
    made = {path.name: path.read_text() for path in (tmp_path / "credentials").iterdir()}
    assert made == {"api-key": "ck_1\n", "admin-token": "ck_1\n"}
