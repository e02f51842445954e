import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters import staging
from exporters.errors import PublishError
from exporters.staging import staged

OTHER_FILE_SYSTEM = Path("/dev/shm")


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=OTHER_FILE_SYSTEM) as directory:
        yield Path(directory)


@pytest.mark.skipif(not OTHER_FILE_SYSTEM.is_dir(), reason="needs a second file system")
def test_a_repository_that_is_a_mount_point_is_refused(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "staging_root", lambda _: elsewhere)
    with (
        pytest.raises(PublishError, match="are on different file systems"),
        staged(tmp_path / "models", "small"),
    ):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(PublishError, match="file/models cannot be written"),
        staged(tmp_path / "file" / "models", "small"),
    ):
        pass


def test_git_ignores_the_staging_folder(tmp_path: Path) -> None:
    with staged(tmp_path / "models", "small"):
        assert (tmp_path / ".models.staging" / ".gitignore").read_text() == "*\n"
