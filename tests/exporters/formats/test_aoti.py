import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from exporters.capturing.capture import capture
from exporters.errors import HostError
from exporters.formats import Compiled, load_format
from tests.exporters.format_columns import largest_error
from tests.exporters.format_models import DENOISER, DETECTOR
from tests.exporters.formats.compiling import compile_model

Package = tuple[Compiled, Path]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return compile_model(DETECTOR, "aoti", tmp_path_factory.mktemp("aoti"))


def test_every_batch_has_the_models_answers(detector: Package) -> None:
    runner = load_format("aoti").load(detector[1], DETECTOR.interface)
    assert largest_error(DETECTOR, capture(DETECTOR), runner, "fp32") < 1e-5


def test_every_length_has_the_models_answers(tmp_path: Path) -> None:
    _, path = compile_model(DENOISER, "aoti", tmp_path)
    runner = load_format("aoti").load(path, DENOISER.interface)
    assert largest_error(DENOISER, capture(DENOISER), runner, "fp32") < 1e-5


def test_the_package_says_who_compiled_it_and_for_which_processor(detector: Package) -> None:
    compiled, path = detector
    metadata = metadata_of(path)
    assert metadata["AOTI_DEVICE_KEY"] == "cpu"
    assert metadata["CONCH_CPU"] == compiled.details["cpu"]
    assert metadata["CONCH_VERSION"]


@pytest.mark.skipif(not torch.cpu._is_avx2_supported(), reason="a processor before AVX2")
def test_it_is_compiled_for_other_processors_than_this_one(detector: Package) -> None:
    with zipfile.ZipFile(detector[1]) as package:
        (source,) = [name for name in package.namelist() if name.endswith(".kernel.cpp")]
        commands = package.read(source).decode()
    assert "-march=x86-64-v3" in commands
    assert "avx512" not in commands


def test_a_package_for_another_processor_is_refused(detector: Package, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    shutil.copy(detector[1], path)
    name = next(n for n in zipfile.ZipFile(path).namelist() if n.endswith("wrapper_metadata.json"))
    foreign = metadata_of(path) | {"AOTI_MACHINE": "vax"}
    with zipfile.ZipFile(detector[1]) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, json.dumps(foreign) if entry == name else old.read(entry))
    with pytest.raises(HostError, match=r"compiled for .+ processors"):
        load_format("aoti").load(path, DETECTOR.interface)


def test_a_file_that_is_no_package_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(b"no archive")
    with pytest.raises(HostError, match=r"cannot load model\.pt2"):
        load_format("aoti").load(path, DETECTOR.interface)


def test_a_host_without_a_compiler_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(HostError, match=r"neither g\+\+ nor clang\+\+ .+ apt-get install g\+\+"):
        load_format("aoti").check_host("tensorrt")


def test_a_shape_that_was_not_declared_is_an_error(detector: Package) -> None:
    run = load_format("aoti").load(detector[1], DETECTOR.interface)
    with pytest.raises(RuntimeError, match="dim value"):
        run({"picture": np.zeros((1, 1, 8, 8), np.float32)})


def metadata_of(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as package:
        name = next(n for n in package.namelist() if n.endswith("wrapper_metadata.json"))
        found: dict[str, str] = json.loads(package.read(name))
        return found
