from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from exporters.errors import CompileError, HostError
from exporters.formats import load_format
from exporters.zoo import ZOO
from tests.exporters.conftest import ExportedZoo
from tests.exporters.formats.compiling import compile_model
from tests.exporters.models import WIDTH, Branching, BranchingByComparison, Doubler, spec_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Asserting(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] == WIDTH
        return x * 2


class Scaled(nn.Module):
    """Reads a number that belongs to the model and not to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.scale, Tensor)
        return x * self.scale.item()


class Placed(nn.Module):
    """Makes a tensor of its own, where its input lies, and convolves."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv1d(1, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        near: Tensor = self.near((x + torch.arange(WIDTH, device=x.device)).unsqueeze(1))
        return near.squeeze(1)


class Named(nn.Module):
    """Its answers come by name, in another order than they are declared."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"z": x + 1, "y": x * 2}


class Unscriptable(nn.Module):
    def forward(self, x: Tensor, **options: Any) -> Tensor:
        return x * 2


def test_the_input_is_named_as_the_argument_that_triton_reads(zoo: ExportedZoo) -> None:
    artefact = torch.jit.load(zoo.published["mnist_mlp"].path / "model.pt")
    assert [argument.name for argument in artefact.forward.schema.arguments] == ["self", "image"]


def test_the_weights_are_frozen_into_the_graph(zoo: ExportedZoo) -> None:
    artefact = torch.jit.load(zoo.published["mnist_mlp"].path / "model.pt")
    assert list(artefact.parameters()) == []


def test_no_operation_is_bound_to_a_cpu(zoo: ExportedZoo) -> None:
    artefact = torch.jit.load(zoo.published["mnist_mlp"].path / "model.pt")
    assert "mkldnn" not in str(artefact.inlined_graph)


def test_a_trace_computes_the_same_on_a_gpu(tmp_path: Path) -> None:
    _, path = compile_model(spec_of(Placed), "torchscript", tmp_path)
    graph = torch.jit.load(path).inlined_graph
    assert 'value="cpu"' not in str(graph)
    (convolution,) = graph.findAllNodes("aten::_convolution")
    allows_tf32 = list(convolution.inputs())[-1].toIValue()
    assert allows_tf32 is False


def test_a_decision_on_values_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"a decision on the values .+`return x \* 2 if .+line"):
        compile_model(spec_of(Branching), "torchscript", tmp_path)


@pytest.mark.parametrize(
    "compare",
    [
        lambda x: torch.equal(torch.zeros(2, WIDTH), x),
        lambda x: torch.allclose(x, torch.zeros_like(x)),
        lambda x: torch.is_nonzero(x.sum() > 1e9),
        lambda x: np.asarray(x).max() > 1e9,
        lambda x: x.data.max() > 1e9,
    ],
    ids=["equal", "allclose", "is_nonzero", "asarray", "data"],
)
def test_no_way_to_a_tensors_values_is_frozen(
    tmp_path: Path, compare: Callable[[Tensor], object]
) -> None:
    with pytest.raises(CompileError, match="would be frozen"):
        compile_model(spec_of(lambda: BranchingByComparison(compare)), "torchscript", tmp_path)


def test_a_decision_on_sizes_is_left_to_the_proof_and_told(tmp_path: Path) -> None:
    compiled, _ = compile_model(spec_of(Asserting), "torchscript", tmp_path)
    (line,) = compiled.details["decided_by_sizes"]
    assert line.startswith("`assert x.shape[1] == WIDTH`")


def test_a_number_of_the_models_own_may_be_read(tmp_path: Path) -> None:
    compiled, _ = compile_model(spec_of(Scaled), "torchscript", tmp_path)
    assert compiled.details["decided_by_sizes"] == []


def test_a_script_keeps_both_ways_of_a_decision(tmp_path: Path) -> None:
    spec = spec_of(Branching, torchscript="script")
    _, path = compile_model(spec, "torchscript", tmp_path)
    run = load_format("torchscript").load(path, spec.interface)
    negative = np.full((2, WIDTH), -1.0, np.float32)
    assert (run({"x": negative})["y"] == -2.0).all()


def test_what_cannot_be_scripted_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"cannot be scripted: .+`def forward\(.+options.+line"):
        compile_model(spec_of(Unscriptable, torchscript="script"), "torchscript", tmp_path)


def test_named_answers_are_written_in_declared_order(tmp_path: Path) -> None:
    y = spec_of(Doubler).outputs[0]
    spec = spec_of(Named, outputs=(y, y.model_copy(update={"name": "z"})))
    _, path = compile_model(spec, "torchscript", tmp_path)
    answer = torch.jit.load(path)(torch.ones(3, WIDTH))
    assert [tensor[0, 0].item() for tensor in answer] == [2.0, 2.0]
    run = load_format("torchscript").load(path, spec.interface)
    zeros = np.zeros((1, WIDTH), np.float32)
    assert [run({"x": zeros})[name][0, 0] for name in ("y", "z")] == [0.0, 1.0]


def test_a_file_that_torch_cannot_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"no archive")
    with pytest.raises(HostError, match=r"cannot read model\.pt"):
        load_format("torchscript").load(path, spec_of(Doubler).interface)


@pytest.mark.parametrize("name", ZOO)
def test_the_example_models_can_be_scripted(name: str, tmp_path: Path) -> None:
    spec = ZOO[name].spec().model_copy(update={"torchscript": "script"})
    compiled, _ = compile_model(spec, "torchscript", tmp_path)
    assert compiled.details == {"capture": "script"}


def test_a_script_of_named_outputs_is_refused_with_what_to_do(tmp_path: Path) -> None:
    spec = spec_of(NamedDoubler, torchscript="script")
    with pytest.raises(CompileError, match="returns its outputs by name"):
        compile_model(spec, "torchscript", tmp_path)


class NamedDoubler(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"y": x * 2}
