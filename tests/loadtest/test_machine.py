"""What is told of the machine and of the checkout."""

import subprocess
from pathlib import Path

import pytest

from loadtest.machine import this_commit, this_machine

_NOBODY = {
    "GIT_AUTHOR_NAME": "nobody",
    "GIT_AUTHOR_EMAIL": "nobody@example.com",
    "GIT_COMMITTER_NAME": "nobody",
    "GIT_COMMITTER_EMAIL": "nobody@example.com",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in _NOBODY.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "file").write_text("as it was")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_the_machine_is_told() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_bytes > 2**28
    assert machine.processor
    assert machine.system.startswith("Linux")


def test_the_commit_of_a_checkout_is_told(checkout: Path) -> None:
    assert this_commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_changes_to_a_checkout_are_told(checkout: Path) -> None:
    (checkout / "file").write_text("changed")
    assert this_commit(checkout).endswith("+changes")


def test_outside_of_a_checkout_there_is_no_commit(checkout: Path) -> None:
    (checkout / "installed").mkdir()
    assert this_commit(checkout / "installed") == ""
