import shutil
from pathlib import Path

import pytest

from exporters.publishing.whole import missing_in_model, missing_in_version
from tests.exporters.conftest import ExportedZoo

CONFIG = 'version_policy { specific { versions: [1] } }\nbackend: "onnxruntime"\n'


def write_model(repository: Path, config: str, *files: str) -> Path:
    folder = repository / "small"
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config, encoding="utf-8")
    for file in files:
        (folder / file).touch()
    return repository


@pytest.mark.parametrize(
    ("config", "file", "missing"),
    [
        (CONFIG, None, "version 1 has no model.onnx yet"),
        (CONFIG, "1/model.onnx", None),
        (CONFIG + 'default_model_filename: "net.onnx"', "1/model.onnx", "has no net.onnx yet"),
        (CONFIG.replace("onnxruntime", "pytorch"), None, "has no model.pt or model.pt2 yet"),
        (CONFIG.replace("onnxruntime", "pytorch"), "1/model.pt2", None),
        ('platform: "ensemble"', None, None),
        (CONFIG.replace("[1]", "[2]"), "1/model.onnx", "serves no version that is there"),
        (CONFIG + "max_batch_", "1/model.onnx", "config.pbtxt does not parse: 3:1"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, config: str, file: str | None, missing: str | None
) -> None:
    write_model(tmp_path, config, *([file] if file else []))
    found = missing_in_model(tmp_path, "small")
    assert found is None if missing is None else missing in str(found)


def test_a_version_with_a_manifest_is_whole_with_its_last_byte(
    zoo: ExportedZoo, tmp_path: Path
) -> None:
    shutil.copytree(zoo.repository, tmp_path / "models")
    artefact = tmp_path / "models/mnist_mlp/1/model.pt"
    whole = artefact.read_bytes()
    assert missing_in_version(tmp_path / "models", "mnist_mlp", 1) is None
    artefact.write_bytes(whole[:1000])
    missing = missing_in_version(tmp_path / "models", "mnist_mlp", 1)
    assert missing == f"version 1 has 1,000 of the {len(whole):,} bytes of model.pt"
    (artefact.parent / "manifest.json").write_text("{", encoding="utf-8")
    assert "cannot be read" in (missing_in_version(tmp_path / "models", "mnist_mlp", 1) or "")
