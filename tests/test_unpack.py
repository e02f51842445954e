"""What `.ci/unpack` does where a program of Debian's is missing; apt-get is played."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / ".ci" / "unpack"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with the script, and a path on which only the shell's own helpers are."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "rm", "mkdir", "id", "head"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    return tmp_path


def _add(tree: Path, name: str, lines: str) -> None:
    program = tree / "bin" / name
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)


def _unpack(tree: Path, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tree / ".ci" / "unpack", program],
        env=os.environ | {"PATH": str(tree / "bin")},
        capture_output=True,
        text=True,
    )


def test_a_program_that_is_there_is_taken(tree: Path) -> None:
    _add(tree, "wrk", "")
    done = _unpack(tree, "wrk")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tree / "build").exists()


def test_what_is_no_debian_is_said(tree: Path) -> None:
    done = _unpack(tree, "wrk")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "wrk could not be had: this is no Debian. Its Debian package is called wrk.\n"
    )


def test_nothing_is_installed_and_what_keeps_it_from_coming_is_said(tree: Path) -> None:
    _add(tree, "dpkg", f"echo dpkg >> {tree}/calls")
    _add(tree, "apt-get", f'echo "$1" >> {tree}/calls; echo "E: no network"; exit 100')
    done = _unpack(tree, "varnishtest")
    assert done.returncode == 1
    assert "Unpacking Debian's varnish libvarnishapi3 into build/debian" in done.stdout
    assert "varnishtest could not be had: apt-get says: E: no network" in done.stderr
    assert set((tree / "calls").read_text().split()) <= {"download", "update"}
