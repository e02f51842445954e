"""What Triton leaves outside its own folders is removed, and nothing else."""

from pathlib import Path

import pytest

from stack.triton_leftovers import environment_folders, remove_empty
from tests.stack.running_triton import running_triton
from tests.stack.small_models import write_doubler, write_python_model


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for /tmp."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("stack.triton_leftovers._TEMPORARY", folder)
    return folder


def test_no_empty_folder_is_left_by_a_start_and_its_end(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    write_python_model(tmp_path / "models", "own")
    before = environment_folders()
    with running_triton(tmp_path / "models", tmp_path / "state"):
        made = environment_folders() - before
        assert made
    assert not made & environment_folders()


def test_folders_of_another_name_are_not_meant(temporary: Path) -> None:
    for name in ("python_env_aB3dE6", "python_env_long_name", "other"):
        (temporary / name).mkdir()
    assert environment_folders() == {temporary / "python_env_aB3dE6"}


def test_a_folder_of_another_user_is_not_meant(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (temporary / "python_env_aB3dE6").mkdir()
    monkeypatch.setattr("stack.triton_leftovers.os.getuid", lambda: -1)
    assert environment_folders() == set()


def test_only_empty_folders_are_removed(temporary: Path) -> None:
    (temporary / "empty").mkdir()
    (temporary / "used/lib").mkdir(parents=True)
    remove_empty([temporary / "empty", temporary / "used", temporary / "gone"])
    assert [path.name for path in temporary.iterdir()] == ["used"]
