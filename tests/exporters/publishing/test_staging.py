import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.errors import PublishError
from exporters.publishing import staging
from exporters.publishing.staging import staged, sweep

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


def test_a_folder_in_use_is_not_swept_and_one_of_a_killed_process_is(tmp_path: Path) -> None:
    models = tmp_path / "models"
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from exporters.publishing.staging import staged\n"
        "with staged(Path(sys.argv[1]), 'killed') as folder:\n"
        "    (folder / 'half').touch(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(models)]).returncode == 9
    (left,) = (tmp_path / ".models.staging").glob("killed-*")
    assert (left / "half").exists()
    with staged(models, "living") as living:
        # The start of another export has swept already.
        assert not left.exists()
        assert sweep(models) == []
        assert living.is_dir()


def test_sweeping_names_what_is_gone(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert sweep(models) == []
    with staged(models, "small") as folder:
        pass
    folder.mkdir()
    assert sweep(models) == [folder.name]
    assert not folder.exists()
