import shutil
from pathlib import Path

import pytest

from exporters.errors import PublishError
from exporters.publishing.verify import verify_files
from exporters.publishing.versions import reject
from exporters.zoo import ZOO
from tests.exporters.conftest import ExportedZoo


@pytest.fixture
def copy(zoo: ExportedZoo, tmp_path: Path) -> Path:
    """A repository of the test's own, with version 1 of mnist_mlp."""
    shutil.copytree(zoo.repository, tmp_path / "models")
    return tmp_path / "models"


def problems(repository: Path) -> dict[str, str]:
    found = verify_files(repository, "mnist_mlp", 1)
    return {finding.what: finding.detail for finding in found if not finding.ok}


@pytest.mark.parametrize("name", ZOO)
def test_what_was_published_is_verified(zoo: ExportedZoo, name: str) -> None:
    found = verify_files(zoo.repository, name, 1)
    assert all(finding.ok for finding in found)
    assert [finding.what for finding in found] == [
        zoo.published[name].manifest.artefact.path,
        "1/config/configs/embedded.pbtxt",
        "1/config/config.pbtxt",
    ]


def test_a_rejected_version_is_verified_too(copy: Path) -> None:
    reject(copy, "mnist_mlp", 1, "no memory")
    assert problems(copy) == {}


def test_a_changed_byte_is_found(copy: Path) -> None:
    artefact = copy / "mnist_mlp/1/model.pt"
    data = bytearray(artefact.read_bytes())
    data[len(data) // 2] ^= 1
    artefact.write_bytes(data)
    assert "where" in problems(copy)["model.pt"]
    assert "hash" in problems(copy)["model.pt"]


def test_a_file_that_is_cut_off_missing_or_new_is_found(copy: Path) -> None:
    version = copy / "mnist_mlp/1"
    (version / "model.pt").write_bytes(b"short")
    assert "has 5 bytes where" in problems(copy)["model.pt"]
    (version / "model.pt").unlink()
    (version / "model.py").touch()
    assert problems(copy) == {
        "model.pt": "is missing",
        "model.py": "is not in manifest.json: it came later",
    }


def test_a_manifest_that_is_missing_or_unreadable_is_found(copy: Path) -> None:
    manifest = copy / "mnist_mlp/1/manifest.json"
    manifest.write_text("{}", encoding="utf-8")
    assert "cannot be read" in problems(copy)["manifest.json"]
    manifest.unlink()
    assert "is missing" in problems(copy)["manifest.json"]


def test_a_configuration_that_does_not_parse_is_found(copy: Path) -> None:
    config = copy / "mnist_mlp/1/config/config.pbtxt"
    config.write_text("max_batch_size: many", encoding="utf-8")
    assert "many" in problems(copy)["1/config/config.pbtxt"]


def test_a_version_that_is_not_there_is_named(copy: Path) -> None:
    with pytest.raises(PublishError, match="no version 5"):
        verify_files(copy, "mnist_mlp", 5)
