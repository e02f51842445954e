from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporters.errors import PublishError
from exporters.manifest import Manifest, TensorRecord, write_manifest
from exporters.publishing.clients import check_clients


def manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "model": "m",
        "format": "onnx",
        "precision": "fp32",
        "files": (),
        "inputs": (tensor("x", 4),),
        "outputs": (tensor("y", 2),),
        "max_batch_size": 8,
        "versions": {},
        "proof": (),
        "stage_seconds": {},
        "created": datetime.now(UTC),
    }
    return Manifest(**(fields | changes))


def tensor(name: str, *shape: int, dtype: str = "float32") -> TensorRecord:
    return TensorRecord(name=name, dtype=dtype, shape=shape)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Serves one version of `m`."""
    version = tmp_path / "m" / "1"
    version.mkdir(parents=True)
    write_manifest(version, manifest())
    text = "version_policy { specific { versions: [1] } }"
    (tmp_path / "m" / "config.pbtxt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": (tensor("INPUT__0", 4),)}, "input 'INPUT__0' is new; input 'x' is gone"),
        ({"inputs": (tensor("x", 4, dtype="float16"),)}, "'x' goes from float32 to float16"),
        ({"inputs": (tensor("x", 5),)}, r"'x' goes from \[4\] to \[5\]"),
        ({"inputs": (tensor("x", 4), tensor("z", 1))}, "input 'z' is new"),
        ({"outputs": (tensor("z", 2),)}, "output 'y' is gone"),
        ({"max_batch_size": 0}, "largest batch goes from 8 to 0"),
        ({"max_batch_size": 4}, "largest batch shrinks from 8 to 4"),
    ],
)
def test_what_breaks_clients_is_refused(
    repository: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(PublishError, match=f"(?s){said}.*--change-interface"):
        check_clients(manifest(**changes), repository)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"inputs": (tensor("x", -1),)},
        {"outputs": (tensor("y", 2), tensor("z", 1))},
        {"max_batch_size": 16},
    ],
)
def test_what_clients_can_go_on_calling_passes(repository: Path, changes: dict[str, Any]) -> None:
    check_clients(manifest(**changes), repository)


def test_a_first_version_has_no_clients(tmp_path: Path) -> None:
    check_clients(manifest(), tmp_path)
