import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporters import repository as module
from exporters.errors import PublishError
from exporters.repository import (
    FOLDER,
    VERSION,
    next_version,
    publish,
    published_versions,
    recover,
)
from exporters.staging import staged, staging_root

# Publishes in a process of its own, which dies just before its n-th change of the file system.
DYING_PUBLISHER = """
import os, sys
from pathlib import Path
from exporters.repository import publish

staged, repository, fatal = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
steps = 0

def counted(call):
    def step(*arguments, **options):
        global steps
        steps += 1
        if steps == fatal:
            os._exit(9)
        return call(*arguments, **options)
    return step

for name in ("mkdir", "rename", "replace", "fsync", "unlink", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
publish(staged, repository, "small")
"""


def stage(directory: Path, text: str) -> Path:
    files = {
        f"{VERSION}/model.pt": text,
        f"{VERSION}/manifest.json": text,
        f"{FOLDER}/labels.txt": text,
        f"{FOLDER}/configs/embedded.pbtxt": text,
        f"{FOLDER}/config.pbtxt": text,
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return directory


def publish_text(repository: Path, text: str) -> int:
    with staged(repository, "small") as directory:
        return publish(stage(directory, text), repository, "small")


def contents(repository: Path) -> dict[str, str]:
    return {
        str(path.relative_to(repository)): path.read_text(encoding="utf-8")
        for path in repository.rglob("*")
        if path.is_file()
    }


def folder_of(text: str, versions: dict[int, str]) -> dict[str, str]:
    files = {
        f"small/{name}": text for name in ("config.pbtxt", "configs/embedded.pbtxt", "labels.txt")
    }
    for version, content in versions.items():
        files[f"small/{version}/model.pt"] = files[f"small/{version}/manifest.json"] = content
    return files


def test_a_new_model_becomes_version_1(tmp_path: Path) -> None:
    assert publish_text(tmp_path / "models", "a") == 1
    assert contents(tmp_path / "models") == folder_of("a", {1: "a"})


def test_a_folder_without_a_version_is_completed(tmp_path: Path) -> None:
    (tmp_path / "models" / "small").mkdir(parents=True)
    (tmp_path / "models" / "small" / "config.pbtxt").write_text("a", encoding="utf-8")
    assert publish_text(tmp_path / "models", "a") == 1
    assert contents(tmp_path / "models") == folder_of("a", {1: "a"})


def test_an_unchanged_file_keeps_its_time_stamp(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    config = tmp_path / "models" / "small" / "config.pbtxt"
    before = config.stat()
    publish_text(tmp_path / "models", "a")
    assert (config.stat().st_mtime_ns, config.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_the_staging_folder_lies_beside_the_repository_and_is_emptied(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    root = staging_root(tmp_path / "models")
    assert root == tmp_path / ".models.staging"
    assert {path.name for path in root.iterdir()} == {".gitignore", "lock"}


def test_only_folders_that_triton_takes_for_versions_count(tmp_path: Path) -> None:
    for name in ("1", "12", "007", "0", "configs", "2x"):
        (tmp_path / "small" / name).mkdir(parents=True)
    (tmp_path / "small" / "99").touch()
    assert published_versions(tmp_path, "small") == [1, 12]
    assert next_version(tmp_path, "small") == 13


def test_a_model_that_is_not_there_has_no_versions(tmp_path: Path) -> None:
    assert published_versions(tmp_path, "small") == []
    assert next_version(tmp_path, "small") == 1


def test_exports_at_once_get_a_version_each(tmp_path: Path) -> None:
    texts = [str(number) for number in range(16)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        versions = list(pool.map(lambda text: publish_text(tmp_path / "models", text), texts))
    assert sorted(versions) == list(range(1, 17))
    for version, text in zip(versions, texts, strict=True):
        assert (tmp_path / "models" / "small" / str(version) / "model.pt").read_text() == text


def test_a_version_copied_in_by_hand_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_text(tmp_path / "models", "by hand")
    seen = iter([1, 2])
    monkeypatch.setattr(module, "next_version", lambda *_: next(seen))
    assert publish_text(tmp_path / "models", "a") == 2
    assert contents(tmp_path / "models") == folder_of("a", {1: "by hand", 2: "a"})


@pytest.mark.parametrize("failing", [1, 2])
def test_a_rename_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    publish_text(tmp_path / "models", "old")
    calls = itertools.count(1)
    rename = os.rename

    def failing_rename(source: Path, target: Path) -> None:
        if next(calls) == failing:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing_rename)
    with pytest.raises(PublishError, match=r"'small' was not published: .*No space left"):
        publish_text(tmp_path / "models", "new")
    recover(tmp_path / "models")
    assert contents(tmp_path / "models") == folder_of("old", {1: "old"})


def test_a_configuration_that_cannot_be_written_is_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_replace(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", failing_replace)
        with pytest.raises(PublishError, match="Version 1 of 'small' is in place, but its conf"):
            publish_text(tmp_path / "models", "a")
    recover(tmp_path / "models")
    assert contents(tmp_path / "models") == folder_of("a", {1: "a"})


@pytest.mark.parametrize("old", [{}, folder_of("old", {1: "old"})], ids=["new model", "upgrade"])
def test_a_crash_at_any_step_leaves_the_old_state_or_the_new(
    tmp_path: Path, old: dict[str, str]
) -> None:
    new = {**old, **folder_of("new", {2 if old else 1: "new"})}
    outcomes = []
    for fatal in itertools.count(1):
        repository = tmp_path / str(fatal) / "models"
        if old:
            publish_text(repository, "old")
        with staged(repository, "small") as directory:
            code = publish_and_die(stage(directory, "new"), repository, fatal)
            assert_versions_are_whole(repository)
        recover(repository)
        outcomes.append(contents(repository))
        assert outcomes[-1] in (old, new)
        if code == 0:
            break
    assert old in outcomes
    # Many steps come after the decision; at the last of them only tidying up is left.
    assert outcomes.count(new) > 5


def publish_and_die(staged_model: Path, repository: Path, fatal: int) -> int:
    command = [sys.executable, "-c", DYING_PUBLISHER, staged_model, repository, str(fatal)]
    return subprocess.run(command, check=False).returncode


def assert_versions_are_whole(repository: Path) -> None:
    for version in published_versions(repository, "small"):
        files = {path.name for path in (repository / "small" / str(version)).iterdir()}
        assert files == {"model.pt", "manifest.json"}


def test_recovering_where_nothing_was_published_changes_nothing(tmp_path: Path) -> None:
    recover(tmp_path / "models")
    assert list(tmp_path.iterdir()) == []
