from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from exporters.compiling.any_device import exact_convolutions, follow_input

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Placed(nn.Module):
    """Makes a tensor of its own, where its input lies."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.arange(x.shape[1], device=x.device) + torch.zeros(x.shape, device=x.device)


def traced(module: nn.Module, example: Tensor) -> Any:
    return torch.jit.freeze(torch.jit.trace(module.eval(), example, check_trace=False))


def runs_on(device: str, script: Any, folder: Path) -> torch.device:
    """Where the answer lies if the saved script is loaded there, as Triton does."""
    torch.jit.save(script, folder / "model.pt")
    loaded = torch.jit.load(folder / "model.pt", map_location=device)
    answer: Tensor = loaded(torch.ones(2, 3, device=device))
    return answer.device


def test_what_forward_makes_lies_where_its_input_lies(tmp_path: Path) -> None:
    script = traced(Placed(), torch.ones(2, 3))
    assert runs_on("meta", script, tmp_path).type == "cpu"
    follow_input(script)
    assert runs_on("meta", script, tmp_path).type == "meta"
    assert runs_on("cpu", script, tmp_path).type == "cpu"


def test_a_trace_that_makes_nothing_stays_as_it_is() -> None:
    script = traced(nn.Linear(3, 2), torch.ones(2, 3))
    before = str(script.graph)
    follow_input(script)
    assert str(script.graph) == before


def allows_tf32(script: Any) -> bool:
    (convolution,) = script.graph.findAllNodes("aten::_convolution")
    allowed: bool = list(convolution.inputs())[-1].toIValue()
    return allowed


def test_convolutions_are_traced_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    convolution, example = nn.Conv1d(2, 3, 3), torch.ones(1, 2, 8)
    assert allows_tf32(traced(convolution, example))
    with exact_convolutions():
        assert not allows_tf32(traced(convolution, example))
    assert torch.backends.cudnn.allow_tf32
