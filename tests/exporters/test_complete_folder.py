import shutil
from pathlib import Path

import pytest

from exporters.add import Told
from exporters.artefacts.resolve import Answers
from exporters.complete_folder import complete_folder
from exporters.errors import PublishError, SpecError
from exporters.manifest import read_manifest
from exporters.publishing.versions import served_versions
from tests.exporters.artefacts.files import IRIS, exported_program

TOLD = Told(Answers(max_batch_size=2))


def copied(repository: Path, name: str = "1/model.onnx") -> Path:
    path = repository / "iris" / name
    path.parent.mkdir(parents=True)
    return Path(shutil.copyfile(IRIS, path))


def test_a_folder_without_configuration_gets_one_and_a_manifest(tmp_path: Path) -> None:
    copied(tmp_path / "models")
    completed = complete_folder("iris", TOLD, repository=tmp_path / "models")
    folder = tmp_path / "models" / "iris"
    assert completed.version == 1
    assert read_manifest(folder / "1").artefact.path == "model.onnx"
    assert (folder / "configs" / "embedded.pbtxt").is_file()
    assert served_versions(tmp_path / "models", "iris") == [1]


def test_what_the_file_does_not_say_is_asked_for_and_nothing_is_written(tmp_path: Path) -> None:
    copied(tmp_path / "models")
    with pytest.raises(SpecError, match=r"conch add --complete iris --max-batch-size 32$"):
        complete_folder("iris", Told(Answers()), repository=tmp_path / "models")
    assert [path.name for path in (tmp_path / "models").rglob("*")] == ["iris", "1", "model.onnx"]


def test_what_somebody_configured_is_not_changed(tmp_path: Path) -> None:
    copied(tmp_path / "models")
    (tmp_path / "models" / "iris" / "config.pbtxt").write_text('backend: "onnxruntime"\n')
    with pytest.raises(PublishError, match="has a configuration already"):
        complete_folder("iris", TOLD, repository=tmp_path / "models")


def test_a_file_of_another_name_says_how_to_rename_it(tmp_path: Path) -> None:
    path = copied(tmp_path / "models", "1/net.onnx")
    with pytest.raises(SpecError, match=f"Type: mv {path} {path.parent}/model.onnx"):
        complete_folder("iris", TOLD, repository=tmp_path / "models")


def test_an_exported_program_has_to_be_compiled(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "iris" / "1"
    folder.mkdir(parents=True)
    exported_program(folder / "model.pt2")
    with pytest.raises(SpecError, match="conch add FILE --name iris"):
        complete_folder("iris", TOLD, repository=tmp_path / "models")


def test_a_folder_without_a_version_or_a_model_is_refused(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "iris").mkdir(parents=True)
    with pytest.raises(PublishError, match="There is no model 'absent'"):
        complete_folder("absent", TOLD, repository=models)
    with pytest.raises(PublishError, match="has no version"):
        complete_folder("iris", TOLD, repository=models)
    (models / "iris" / "1").mkdir()
    with pytest.raises(SpecError, match="is empty; copy the model's file"):
        complete_folder("iris", TOLD, repository=models)
    (models / "iris" / "1" / "notes.txt").write_text("words")
    with pytest.raises(SpecError, match=r"notes\.txt is none of the files that can be served"):
        complete_folder("iris", TOLD, repository=models)


def test_two_models_in_one_version_are_refused(tmp_path: Path) -> None:
    path = copied(tmp_path / "models")
    shutil.copyfile(path, path.with_name("other.onnx"))
    with pytest.raises(SpecError, match=r"holds model\.onnx, other\.onnx; leave the one"):
        complete_folder("iris", TOLD, repository=tmp_path / "models")
