import json
from pathlib import Path

import pytest

from exporters.errors import PublishError
from exporters.publishing.override import folder_override, load_override
from exporters.publishing.staging import staged
from exporters.repository import publish

CONFIG = """
output [{ name: "y" data_type: TYPE_FP32 dims: [2] label_filename: "labels.txt" }]
model_warmup [{ name: "real" inputs { key: "x" value { input_data_file: "x.raw" } } }]
"""


def publish_files(repository: Path, text: str, config: str = CONFIG) -> None:
    with staged(repository, "small") as directory:
        files = {"config.pbtxt": config, "labels.txt": text, "warmup/x.raw": text}
        (directory / "version").mkdir()
        for path, content in files.items():
            (directory / "folder" / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / "folder" / path).write_text(content, encoding="utf-8")
        publish(directory, repository, "small", serve=False)


def override(repository: Path, version: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        load_override(repository, "small", version, config="configs/embedded.pbtxt")
    )
    return found


def test_the_override_serves_the_version_under_the_name_of_the_model(tmp_path: Path) -> None:
    publish_files(tmp_path / "models", "a")
    found = override(tmp_path / "models", 1)
    assert found["name"] == "small"
    assert found["version_policy"] == {"specific": {"versions": ["1"]}}


def test_files_that_differ_from_the_served_ones_are_the_version_s_own(tmp_path: Path) -> None:
    publish_files(tmp_path / "models", "a")
    publish_files(tmp_path / "models", "b")
    served, waiting = (json.dumps(override(tmp_path / "models", number)) for number in (1, 2))
    assert '"labels.txt"' in served
    assert '"x.raw"' in served
    assert '"2/config/labels.txt"' in waiting
    assert '"../2/config/warmup/x.raw"' in waiting


def test_a_configuration_that_does_not_parse_is_named(tmp_path: Path) -> None:
    publish_files(tmp_path / "models", "a", config="no_such_field: 1")
    with pytest.raises(
        PublishError, match=r"configuration of 'small' in .*/small/1/config does not parse: 1:1"
    ):
        override(tmp_path / "models", 1)


def test_the_folder_s_own_configuration_is_what_stands_there_now(tmp_path: Path) -> None:
    publish_files(tmp_path / "models", "a", config='backend: "python"')
    config = tmp_path / "models/small/config.pbtxt"
    config.write_text('backend: "pytorch"')
    found = json.loads(folder_override(tmp_path / "models", "small", config="config.pbtxt"))
    assert found == {"backend": "pytorch", "name": "small"}
    config.unlink()
    with pytest.raises(PublishError, match="holds no config"):
        folder_override(tmp_path / "models", "small", config="config.pbtxt")
