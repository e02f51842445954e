"""One stack at a time on a state directory."""

import os
from pathlib import Path

import pytest

from stack.errors import AlreadyRunningError, StateDirectoryError
from stack.state import is_running, state_lock


def test_a_second_holder_is_refused_and_told_the_first_ones_pid(tmp_path: Path) -> None:
    with state_lock(tmp_path), pytest.raises(AlreadyRunningError, match=str(os.getpid())):
        state_lock(tmp_path).__enter__()


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    with state_lock(tmp_path):
        assert is_running(tmp_path)
    assert not is_running(tmp_path)
    with state_lock(tmp_path):
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StateDirectoryError, match="file"),
        state_lock(tmp_path / "file" / "state"),
    ):
        pass
