import os
from pathlib import Path

import pytest

from exporters.errors import PublishError
from exporters.publishing.versions import (
    accept,
    next_version,
    published_versions,
    reject,
    rejection,
    served_versions,
    version_before,
)


def make_versions(repository: Path, *versions: int) -> Path:
    for version in versions:
        folder = repository / "small" / str(version)
        folder.mkdir(parents=True)
        (folder / "model.pt").touch()
    return repository / "small"


def test_only_folders_that_triton_takes_for_versions_count(tmp_path: Path) -> None:
    for name in ("1", "12", "007", "0", "configs", "2x"):
        (tmp_path / "small" / name).mkdir(parents=True)
    (tmp_path / "small" / "99").touch()
    assert published_versions(tmp_path, "small") == [1, 12]
    assert next_version(tmp_path, "small") == 13


def test_a_model_that_is_not_there_has_no_versions(tmp_path: Path) -> None:
    assert published_versions(tmp_path, "small") == []
    assert next_version(tmp_path, "small") == 1
    assert served_versions(tmp_path, "small") == []


def test_a_rejection_is_kept_with_its_reason_until_it_is_forgotten(tmp_path: Path) -> None:
    make_versions(tmp_path, 1)
    reject(tmp_path, "small", 1, "no such file")
    noted = rejection(tmp_path, "small", 1)
    assert noted is not None
    assert noted.reason == "no such file"
    accept(tmp_path, "small", 1)
    assert rejection(tmp_path, "small", 1) is None


def test_a_version_whose_files_are_newer_than_its_rejection_is_not_rejected(tmp_path: Path) -> None:
    artefact = make_versions(tmp_path, 1) / "1" / "model.pt"
    reject(tmp_path, "small", 1, "half a file")
    noted_at = (tmp_path / "small/1/rejected.json").stat().st_mtime_ns
    os.utime(artefact, ns=(noted_at + 1, noted_at + 1))
    assert rejection(tmp_path, "small", 1) is None


def test_a_version_that_vanished_cannot_be_rejected_and_is_not_made_again(tmp_path: Path) -> None:
    reject(tmp_path, "small", 3, "it vanished")
    assert list(tmp_path.iterdir()) == []


def test_back_means_the_newest_below_the_served_one_that_was_not_rejected(tmp_path: Path) -> None:
    folder = make_versions(tmp_path, 1, 2, 3, 4)
    (folder / "config.pbtxt").write_text("version_policy { specific { versions: [4] } }")
    assert version_before(tmp_path, "small") == 3
    reject(tmp_path, "small", 3, "it does not load")
    assert version_before(tmp_path, "small") == 2


def test_there_may_be_nothing_to_go_back_to(tmp_path: Path) -> None:
    folder = make_versions(tmp_path, 1, 2)
    (folder / "config.pbtxt").write_text("version_policy { specific { versions: [1] } }")
    with pytest.raises(PublishError, match=r"'small' has no version to go back to: it serves 1"):
        version_before(tmp_path, "small")


def test_a_rejection_that_cannot_be_read_is_one(tmp_path: Path) -> None:
    (tmp_path / "small/1").mkdir(parents=True)
    (tmp_path / "small/1/rejected.json").write_text("{")
    noted = rejection(tmp_path, "small", 1)
    assert noted is not None
    assert "rejected.json cannot be read" in noted.reason
