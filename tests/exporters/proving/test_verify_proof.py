import shutil
from pathlib import Path

import pytest
import torch

from exporters.candidate import Wanted
from exporters.flow import export
from exporters.manifest import read_manifest, write_manifest
from exporters.proving.verify_proof import verify_proof
from exporters.zoo import ZOO

NAME = "mnist_mlp"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("verified") / "models"
    wanted = Wanted(format="torchscript", source=f"exporters.zoo:{NAME}")
    export(ZOO[NAME].spec(), wanted, repository=repository)
    return repository


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    shutil.copytree(exported, tmp_path / "models")
    return tmp_path / "models"


def change_manifest(repository: Path, **changes: object) -> None:
    folder = repository / NAME / "1"
    write_manifest(folder, read_manifest(folder).model_copy(update=changes))


def test_the_proof_is_repeated(exported: Path) -> None:
    found = verify_proof(exported, NAME, 1)
    assert found.ok
    assert found.detail.startswith("largest error ")


class Constant(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, :10] * 0 + 0.1


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_an_artefact_that_computes_something_else_is_found(copy: Path) -> None:
    torch.jit.script(Constant()).save(str(copy / NAME / "1" / "model.pt"))
    found = verify_proof(copy, NAME, 1)
    assert not found.ok
    assert "is off by" in found.detail


def test_a_model_that_was_trained_since_is_named(copy: Path) -> None:
    change_manifest(copy, weights_sha256="0" * 64)
    found = verify_proof(copy, NAME, 1)
    assert not found.ok
    assert "other weights" in found.detail


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "the manifest names no declaration"),
        ("model.onnx", "the manifest names no declaration"),
        ("no_such_module_here:spec", "no_such_module_here"),
    ],
)
def test_what_cannot_be_repeated_says_why(copy: Path, source: str, reason: str) -> None:
    change_manifest(copy, source=source)
    found = verify_proof(copy, NAME, 1)
    assert found.ok
    assert found.detail.startswith("not repeated: ")
    assert reason in found.detail


def test_a_version_without_a_manifest_has_no_proof(copy: Path) -> None:
    (copy / NAME / "1" / "manifest.json").unlink()
    assert "no manifest" in verify_proof(copy, NAME, 1).detail
