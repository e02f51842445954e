"""One stack at a time on a state directory."""

import os
import threading
from pathlib import Path

import pytest

from stack.errors import AlreadyRunningError, StateDirectoryError
from stack.state import is_running, state_lock
from tests.waiting import wait_until


def test_a_second_holder_is_refused_and_told_the_first_ones_pid(tmp_path: Path) -> None:
    with state_lock(tmp_path), pytest.raises(AlreadyRunningError, match=str(os.getpid())):
        state_lock(tmp_path).__enter__()


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    with state_lock(tmp_path):
        assert is_running(tmp_path)
    assert not is_running(tmp_path)
    with state_lock(tmp_path):
        pass


def test_to_look_whether_it_is_held_refuses_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with state_lock(tmp_path):
        pass
    close, held = os.close, []

    def start_meanwhile(descriptor: int) -> None:
        # At this moment `is_running` has its lock; a start must get its own all the same.
        monkeypatch.setattr("stack.state.os.close", close)
        starter = threading.Thread(target=hold)
        starter.start()
        wait_until(lambda: (tmp_path / "lock").read_text() == str(os.getpid()))
        close(descriptor)
        starter.join()

    def hold() -> None:
        with state_lock(tmp_path):
            held.append(True)

    (tmp_path / "lock").write_text("")
    monkeypatch.setattr("stack.state.os.close", start_meanwhile)
    assert not is_running(tmp_path)
    assert held == [True]


def test_a_file_in_its_place_is_called_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateDirectoryError, match="it is no folder"), state_lock(tmp_path / "file"):
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StateDirectoryError, match="file"),
        state_lock(tmp_path / "file" / "state"),
    ):
        pass
