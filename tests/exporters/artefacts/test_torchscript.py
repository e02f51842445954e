import zipfile
from pathlib import Path

import pytest
from torch import Tensor, nn

from exporters.artefacts import Draft, read_artefact
from exporters.errors import SpecError
from tests.exporters.artefacts.files import torchscript


class Optional(nn.Module):
    def forward(self, x: Tensor, times: int = 2) -> Tensor:
        return x * times


class Needs(nn.Module):
    def forward(self, x: Tensor, times: int) -> Tensor:
        return x * times


class Mapping(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"y": x}


def test_names_of_arguments_and_the_number_of_outputs_are_read(tmp_path: Path) -> None:
    found = read_artefact(torchscript(tmp_path / "m.pt"))
    assert found.inputs == (Draft("x"), Draft("mask"))
    assert found.outputs == (Draft("output_0"), Draft("output_1"))


def test_arguments_with_defaults_that_are_no_tensors_are_left_out(tmp_path: Path) -> None:
    found = read_artefact(torchscript(tmp_path / "m.pt", Optional(), scripted=True))
    assert found.inputs == (Draft("x"),)
    assert found.outputs == (Draft("output"),)


@pytest.mark.parametrize(
    ("module", "message"),
    [(Needs(), "takes 'times' as int"), (Mapping(), r"returns Dict\[str, Tensor\]; Triton serves")],
)
def test_what_triton_does_not_serve_is_refused(
    tmp_path: Path, module: nn.Module, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        read_artefact(torchscript(tmp_path / "m.pt", module, scripted=True))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    whole, path = torchscript(tmp_path / "whole.pt"), tmp_path / "m.pt"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"(" if name.endswith(".py") else source.read(name))
    with pytest.raises(SpecError, match=r"PyTorch 2\..* cannot load .*m\.pt"):
        read_artefact(path)


def test_a_file_that_was_saved_in_training_mode_is_refused(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).train()
    with pytest.raises(SpecError, match=r"saved in training mode.*\.eval\(\)"):
        read_artefact(torchscript(tmp_path / "m.pt", module, scripted=True))


def test_layers_that_are_the_same_in_training_may_be_saved_so(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU()).train()
    assert read_artefact(torchscript(tmp_path / "m.pt", module, scripted=True)).inputs
