import itertools
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporters.errors import PublishError
from exporters.publishing import placing
from exporters.publishing.policy import with_served
from exporters.publishing.staging import staged, staging_root
from exporters.publishing.versions import reject, served_versions
from exporters.repository import (
    keep_serving,
    prune,
    publish,
    published_versions,
    recover,
    remove_model,
    serve,
)
from tests.exporters.dying import config, publish_text, stage

Contents = dict[str, str]


def contents(repository: Path) -> Contents:
    return {
        str(path.relative_to(repository)): path.read_text(encoding="utf-8")
        for path in repository.rglob("*")
        if path.is_file()
    }


def folder_of(versions: dict[int, str], served: int) -> Contents:
    """What a repository holds that has these versions, of which one is served."""
    text = versions[served]
    files = {
        "small/labels.txt": text,
        "small/configs/embedded.pbtxt": with_served(config(text), [served]),
        "small/config.pbtxt": with_served(config(text), [served]),
    }
    for version, content in versions.items():
        files |= {
            f"small/{version}/model.pt": content,
            f"small/{version}/manifest.json": content,
            f"small/{version}/config/labels.txt": content,
            f"small/{version}/config/configs/embedded.pbtxt": config(content),
            f"small/{version}/config/config.pbtxt": config(content),
        }
    return files


def copy_in_by_hand(repository: Path, version: int, text: str) -> None:
    folder = repository / "small" / str(version)
    folder.mkdir(parents=True)
    (folder / "model.pt").write_text(text, encoding="utf-8")


def test_a_new_model_becomes_version_1_and_is_served(tmp_path: Path) -> None:
    assert publish_text(tmp_path / "models", "a") == 1
    assert contents(tmp_path / "models") == folder_of({1: "a"}, served=1)


def test_the_next_version_is_served_with_its_own_configuration(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    assert publish_text(tmp_path / "models", "b") == 2
    assert contents(tmp_path / "models") == folder_of({1: "a", 2: "b"}, served=2)


def test_a_version_that_waits_for_proof_leaves_what_is_served(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    assert publish_text(tmp_path / "models", "b", serve=False) == 2
    assert contents(tmp_path / "models") == folder_of({1: "a", 2: "b"}, served=1)


def test_the_first_version_is_served_whoever_asks(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a", serve=False)
    assert contents(tmp_path / "models") == folder_of({1: "a"}, served=1)


def test_serving_an_older_version_brings_its_configuration_back(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    publish_text(tmp_path / "models", "b")
    before = (tmp_path / "models/small/config.pbtxt").stat().st_mtime_ns
    serve(tmp_path / "models", "small", 1)
    assert contents(tmp_path / "models") == folder_of({1: "a", 2: "b"}, served=1)
    # Triton overlooks a configuration that is not newer than the one it has read.
    assert (tmp_path / "models/small/config.pbtxt").stat().st_mtime_ns > before


def test_a_version_that_is_not_there_cannot_be_served(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    with pytest.raises(PublishError, match=r"'small' has no version 7 in .*; it has 1"):
        serve(tmp_path / "models", "small", 7)


def test_a_version_copied_in_by_hand_keeps_the_configuration_it_was_served_with(
    tmp_path: Path,
) -> None:
    copy_in_by_hand(tmp_path / "models", 1, "hand")
    (tmp_path / "models/small/config.pbtxt").write_text('backend: "hand"\n', encoding="utf-8")
    publish_text(tmp_path / "models", "new")
    serve(tmp_path / "models", "small", 1)
    found = contents(tmp_path / "models")
    # It had none for the embedded server, where that of version 2 must not stay.
    for name in ("small/config.pbtxt", "small/configs/embedded.pbtxt"):
        assert found[name] == with_served('backend: "hand"\n', [1])


def test_versions_of_one_configuration_are_served_side_by_side(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for text in ("other", "a", "a", "a"):
        with staged(models, "small") as directory:
            stage(directory, text)
            for path in directory.glob("folder/**/*.pbtxt"):
                path.write_text(path.read_text().replace("num_versions: 1", "num_versions: 3"))
            publish(directory, models, "small")
    assert served_versions(models, "small") == [2, 3, 4]
    reject(models, "small", 2, "it does not load")
    serve(models, "small", 3)
    # Version 1 has another configuration, and version 2 was rejected.
    assert served_versions(models, "small") == [3]


def test_a_refused_version_is_taken_out_of_the_policy(tmp_path: Path) -> None:
    copy_in_by_hand(tmp_path / "models", 1, "hand")
    copy_in_by_hand(tmp_path / "models", 2, "broken")
    (tmp_path / "models/small/config.pbtxt").write_text('backend: "hand"\n', encoding="utf-8")
    assert served_versions(tmp_path / "models", "small") == [2]
    keep_serving(tmp_path / "models", "small", [1])
    assert served_versions(tmp_path / "models", "small") == [1]


def test_a_folder_without_a_version_is_completed(tmp_path: Path) -> None:
    (tmp_path / "models" / "small").mkdir(parents=True)
    (tmp_path / "models" / "small" / "config.pbtxt").write_text(config("a"), encoding="utf-8")
    assert publish_text(tmp_path / "models", "a", serve=False) == 1
    assert contents(tmp_path / "models") == folder_of({1: "a"}, served=1)


def test_an_unchanged_file_keeps_its_time_stamp(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    labels = tmp_path / "models" / "small" / "labels.txt"
    before = labels.stat()
    publish_text(tmp_path / "models", "a")
    assert (labels.stat().st_mtime_ns, labels.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_the_staging_folder_lies_beside_the_repository_and_is_emptied(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    root = staging_root(tmp_path / "models")
    assert root == tmp_path / ".models.staging"
    assert {path.name for path in root.iterdir()} == {".gitignore", "lock"}


def test_exports_at_once_get_a_version_each(tmp_path: Path) -> None:
    texts = [str(number) for number in range(16)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        versions = list(pool.map(lambda text: publish_text(tmp_path / "models", text), texts))
    assert sorted(versions) == list(range(1, 17))
    for version, text in zip(versions, texts, strict=True):
        assert (tmp_path / "models" / "small" / str(version) / "model.pt").read_text() == text


def test_two_processes_that_export_at_once_do_not_collide(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.exporters.dying import publish_text\n"
        "sys.stdin.read()\n"
        "for number in range(20): print(publish_text(Path(sys.argv[1]), sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "models")]
    writers = [
        subprocess.Popen([*command, text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for text in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdin
        writer.stdin.close()
    texts = {}
    for writer, text in zip(writers, ("a", "b"), strict=True):
        with writer:
            assert writer.stdout
            texts |= {int(line): text for line in writer.stdout}
    newest = max(texts)
    assert (sorted(texts), len(texts)) == (list(range(1, 41)), 40)
    assert contents(tmp_path / "models") == folder_of(texts, served=newest)


def test_a_version_copied_in_by_hand_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_text(tmp_path / "models", "a")
    copy_in_by_hand(tmp_path / "models", 2, "by hand")
    seen = iter([2, 3])
    monkeypatch.setattr(placing, "next_version", lambda *_: next(seen))
    assert publish_text(tmp_path / "models", "b") == 3
    expected = folder_of({1: "a", 3: "b"}, served=3) | {"small/2/model.pt": "by hand"}
    assert contents(tmp_path / "models") == expected


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
    assert contents(tmp_path / "models") == folder_of({1: "old"}, served=1)


def test_a_configuration_that_cannot_be_written_is_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_replace(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", failing_replace)
        with pytest.raises(PublishError, match="configuration of 'small' is not wholly in place"):
            publish_text(tmp_path / "models", "a")
    recover(tmp_path / "models")
    assert contents(tmp_path / "models") == folder_of({1: "a"}, served=1)


def test_pruning_keeps_the_newest_and_what_is_served(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for text in "abcde":
        publish_text(models, text)
    serve(models, "small", 2)
    assert prune(models, "small", keep=2) == [1, 3]
    assert contents(models) == folder_of({2: "b", 4: "d", 5: "e"}, served=2)
    # The newest stays even so: no later version may get its number.
    assert prune(models, "small", keep=0) == [4]


def test_a_removed_model_is_gone_with_all_versions(tmp_path: Path) -> None:
    publish_text(tmp_path / "models", "a")
    remove_model(tmp_path / "models", "small")
    assert contents(tmp_path / "models") == {}
    with pytest.raises(PublishError, match="There is no model 'small'"):
        remove_model(tmp_path / "models", "small")


def test_recovering_where_nothing_was_published_changes_nothing(tmp_path: Path) -> None:
    recover(tmp_path / "models")
    assert list(tmp_path.iterdir()) == []


CRASHES = {
    "a new model": ([], ["publish", "b"], {}, folder_of({1: "b"}, served=1)),
    "an upgrade": (
        ["a"],
        ["publish", "b"],
        folder_of({1: "a"}, served=1),
        folder_of({1: "a", 2: "b"}, served=2),
    ),
    "an upgrade that waits": (
        ["a"],
        ["publish_unserved", "b"],
        folder_of({1: "a"}, served=1),
        folder_of({1: "a", 2: "b"}, served=1),
    ),
    "a rollback": (
        ["a", "b"],
        ["serve", "1"],
        folder_of({1: "a", 2: "b"}, served=2),
        folder_of({1: "a", 2: "b"}, served=1),
    ),
    "a removal": (["a"], ["remove"], folder_of({1: "a"}, served=1), {}),
}


@pytest.mark.parametrize(
    ("published", "action", "old", "new"), CRASHES.values(), ids=CRASHES.keys()
)
def test_a_crash_at_any_step_leaves_the_old_state_or_the_new(
    tmp_path: Path, published: list[str], action: list[str], old: Contents, new: Contents
) -> None:
    template = tmp_path / "template"
    (template / "models").mkdir(parents=True)
    for text in published:
        publish_text(template / "models", text)
    outcomes = []
    for models in die_at_each_step(template, tmp_path / "copies", *action):
        assert_versions_are_whole(models)
        recover(models)
        outcomes.append(contents(models))
        assert outcomes[-1] in (old, new)
        assert not list(staging_root(models).glob("*.staged"))
    assert {str(outcome == new) for outcome in outcomes} == {"True", "False"}


def test_a_crash_while_pruning_leaves_whole_versions(tmp_path: Path) -> None:
    template = tmp_path / "template"
    for text in "abc":
        publish_text(template / "models", text)
    left = []
    for models in die_at_each_step(template, tmp_path / "copies", "prune", "1"):
        assert_versions_are_whole(models)
        left.append(published_versions(models, "small"))
        assert served_versions(models, "small") == [3]
    assert {len(versions) for versions in left} == {1, 2, 3}


def test_a_crash_while_recovering_is_recovered_from(tmp_path: Path) -> None:
    template = tmp_path / "template"
    publish_text(template / "models", "a")
    half_way = [
        models
        for models in die_at_each_step(template, tmp_path / "copies", "publish", "b")
        if list(staging_root(models).glob("*.decided"))
    ]
    for number, models in enumerate(half_way[:: len(half_way) // 3]):
        copies = tmp_path / f"again-{number}"
        for recovering in die_at_each_step(models.parent, copies, "recover"):
            recover(recovering)
            assert contents(recovering) == folder_of({1: "a", 2: "b"}, served=2)
        shutil.rmtree(copies)
    assert len(half_way) > 5


def die_at_each_step(template: Path, copies: Path, *action: str) -> list[Path]:
    """The repositories that processes left that died at the first step, the second, …"""
    copies.mkdir()
    command = [sys.executable, "-m", "tests.exporters.dying", str(template), str(copies), *action]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [path / "models" for path in sorted(copies.iterdir(), key=lambda path: int(path.name))]


def assert_versions_are_whole(models: Path) -> None:
    for version in published_versions(models, "small"):
        files = {path.name for path in (models / "small" / str(version)).iterdir()}
        assert files == {"model.pt", "manifest.json", "config"}
