"""Whose a file is: a process's that lives, or whoever's that comes after it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import locked_files
from gateway.locked_files import new_locked, open_left


def test_a_file_is_left_once_its_process_is_killed_and_no_sooner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from gateway.locked_files import new_locked\n"
        "new_locked(Path(sys.argv[1]))\nprint('locked', flush=True)\ntime.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        assert open_left(path) is None
        process.kill()
    file = open_left(path)
    assert file is not None
    # One alone takes it over.
    assert open_left(path) is None
    os.close(file)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = new_locked(tmp_path / "folder" / "file")
    assert os.fstat(file).st_mode & 0o777 == 0o600
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    os.close(file)


def test_what_stood_in_a_file_of_that_name_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("from before")
    file = new_locked(path)
    assert os.fstat(file).st_size == 0
    os.close(file)


def test_a_file_that_is_not_there_is_nobodys(tmp_path: Path) -> None:
    assert open_left(tmp_path / "none") is None


def test_a_file_that_was_removed_meanwhile_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    os.close(new_locked(path))
    lock = locked_files.lock

    def after_another(file: int) -> bool:
        path.unlink()
        return lock(file)

    monkeypatch.setattr(locked_files, "lock", after_another)
    assert open_left(path) is None


def test_a_new_file_that_another_took_for_one_left_behind_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock, taken = tmp_path / "file", locked_files.lock, []

    def after_another(file: int) -> bool:
        if not taken:
            taken.append(path.unlink())
        return lock(file)

    monkeypatch.setattr(locked_files, "lock", after_another)
    file = new_locked(path)
    assert os.stat(path).st_ino == os.fstat(file).st_ino
    os.close(file)
