import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from exporters.artefacts import Draft, read_artefact
from exporters.artefacts.exported_program import program_module
from exporters.errors import SpecError
from tests.exporters.artefacts.files import Scaled, exported_program


class Named(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {"masked": x * mask, "total": x.sum(-1)}


class HalfOut(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return (x * mask).bfloat16()


class NoTensor(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Any:
        return x * mask, 5


def test_the_whole_signature_is_read(tmp_path: Path) -> None:
    found = read_artefact(exported_program(tmp_path / "m.pt2"))
    dims = found.inputs[0].dims
    assert dims is not None
    batch, length = dims[:2]
    assert found.inputs == (
        Draft("x", "float32", (batch, length, 4)),
        Draft("mask", "float32", (batch, length, 1)),
    )
    assert found.outputs == (
        Draft("output_0", "float32", (batch, length, 4)),
        Draft("output_1", "float32", (batch, length)),
    )
    assert found.bounds == {batch: (1, 8), length: (1, 16)}


def test_keys_of_a_mapping_are_names(tmp_path: Path) -> None:
    found = read_artefact(exported_program(tmp_path / "m.pt2", Named()))
    assert [draft.name for draft in found.outputs] == ["masked", "total"]


def test_the_program_is_a_module_that_computes_the_same(tmp_path: Path) -> None:
    program = program_module(exported_program(tmp_path / "m.pt2")).eval()
    x, mask = torch.rand(3, 7, 4), torch.rand(3, 7, 1)
    assert not any(part.training for part in program.modules())
    torch.testing.assert_close(program(x, mask), Scaled()(x, mask))
    assert list(inspect.signature(program.forward).parameters) == ["x", "mask"]
    assert list(program.state_dict()) == ["program.scale"]


@pytest.mark.parametrize(
    ("module", "message"),
    [(HalfOut(), "'output' as bfloat16, which is not served"), (NoTensor(), "which is no tensor")],
)
def test_what_cannot_be_served_is_refused(tmp_path: Path, module: nn.Module, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_artefact(exported_program(tmp_path / "m.pt2", module))
