from pathlib import Path

import pytest

from exporters.publishing.versions import reject
from stack.model_look import NOTHING, look_at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("small/config.pbtxt", "small/1/model.pt", "small/configs/embedded.pbtxt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path / "small"


def test_a_folder_that_is_not_there_looks_like_nothing(tmp_path: Path) -> None:
    assert look_at(tmp_path / "absent") == NOTHING


def test_nothing_new_looks_the_same(folder: Path) -> None:
    assert look_at(folder) == look_at(folder)


def test_a_folder_looks_the_same_by_whatever_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert look_at(Path("small")) == look_at(folder)


def test_the_fingerprint_is_of_the_versions_that_are_served(folder: Path) -> None:
    before = look_at(folder).of_versions([1]).fingerprint()
    (folder / "2").mkdir()
    (folder / "2/model.pt").touch()
    assert look_at(folder).of_versions([1]).fingerprint() == before
    assert look_at(folder).of_versions([1, 2]).fingerprint() != before
    (folder / "1/model.pt").write_text("more")
    assert look_at(folder).of_versions([1]).fingerprint() != before


def test_a_new_version_and_a_version_that_grew_have_changed(folder: Path) -> None:
    before = look_at(folder)
    (folder / "1/model.pt").write_text("more")
    (folder / "2").mkdir()
    assert look_at(folder).changed_versions(before) == {1, 2}
    assert look_at(folder).shared == before.shared


def test_a_changed_configuration_is_no_changed_version(folder: Path) -> None:
    before = look_at(folder)
    (folder / "configs/embedded.pbtxt").write_text("max_batch_size: 8")
    assert look_at(folder).changed_versions(before) == set()
    assert look_at(folder) != before


def test_what_conch_notes_about_a_version_is_no_change(folder: Path) -> None:
    before = look_at(folder)
    reject(folder.parent, "small", 1, "no memory")
    (folder / "1/config").mkdir()
    (folder / "1/config/config.pbtxt").touch()
    assert look_at(folder) == before
