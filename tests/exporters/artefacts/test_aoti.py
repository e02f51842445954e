import json
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from exporters.add import Told, add
from exporters.artefacts import Draft, read_artefact
from exporters.artefacts.resolve import Answers
from exporters.errors import SpecError
from tests.exporters.artefacts.files import Scaled


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aoti") / "package.pt2"
    batch, length = torch.export.Dim("b", min=1, max=8), torch.export.Dim("n", min=2, max=16)
    program = torch.export.export(
        Scaled().eval(),
        (torch.ones(2, 5, 4), torch.ones(2, 5, 1)),
        dynamic_shapes=({0: batch, 1: length}, {0: batch, 1: length}),
    )
    with warnings.catch_warnings():
        # torch's own modules, as they are imported.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated", FutureWarning)
        torch._inductor.aoti_compile_and_package(
            program,
            package_path=str(path),
            inductor_configs={"aot_inductor.check_lowerbound": False},
        )
    return path


def rewritten(package: Path, path: Path, old: str, new: str) -> Path:
    """The same package with its text files changed."""
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith((".json", ".cpp")):
                content = content.replace(old.encode(), new.encode())
            target.writestr(name.replace(old, new), content)
    return path


def test_what_its_input_checks_tell_is_read(package: Path) -> None:
    found = read_artefact(package)
    dims = found.inputs[0].dims
    assert dims is not None
    batch, length = dims[:2]
    assert found.inputs == (
        Draft("INPUT__0", "float32", (batch, length, 4)),
        Draft("INPUT__1", "float32", (batch, length, 1)),
    )
    assert found.outputs == (Draft("OUTPUT__0"), Draft("OUTPUT__1"))
    assert found.bounds == {batch: (1, 8), length: (1, 16)}
    assert found.said.startswith("AOTInductor package for cpu")


def test_it_is_tried_out_and_published(package: Path, tmp_path: Path) -> None:
    added = add(package, "scaled", Told(Answers()), repository=tmp_path / "models")
    assert added.manifest.max_batch_size == 8
    shapes = [(tensor.name, tensor.shape) for tensor in added.manifest.outputs]
    assert shapes == [("OUTPUT__0", (-1, 4)), ("OUTPUT__1", (-1,))]


def test_without_its_source_the_call_is_known_and_the_rest_is_asked_for(
    package: Path, tmp_path: Path
) -> None:
    path = rewritten(package, tmp_path / "p.pt2", "wrapper.cpp", "wrapper.txt")
    found = read_artefact(path)
    assert found.inputs == (Draft("INPUT__0"), Draft("INPUT__1"))
    assert len(found.outputs) == 2


def test_a_package_for_another_device_is_refused(package: Path, tmp_path: Path) -> None:
    old, new = json.dumps("cpu"), json.dumps("cuda")
    with pytest.raises(SpecError, match="is compiled for cuda; packages for the CPU are added"):
        read_artefact(rewritten(package, tmp_path / "p.pt2", old, new))


def test_a_package_of_another_model_name_is_refused(package: Path, tmp_path: Path) -> None:
    old, new = "aotinductor/model/", "aotinductor/encoder/"
    with pytest.raises(SpecError, match="holds the models encoder; Triton serves"):
        read_artefact(rewritten(package, tmp_path / "p.pt2", old, new))
