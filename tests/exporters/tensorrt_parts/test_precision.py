"""The typed graph is run by ONNX Runtime, so that what TensorRT is given is known to be right."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from exporters.formats import load_format
from exporters.spec import TensorSpec
from exporters.tensorrt_parts.precision import half_weights
from tests.exporters.models import spec_of
from tests.exporters.tensorrt_parts.small import WIDTH, Dense, compile_rtx, source_of


class MakesFloats(nn.Module):
    """Hands a float32 tensor of its own making to a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x * torch.full((WIDTH,), 0.5))
        return y


class Counter(nn.Module):
    """Whole numbers in and out, beside a float."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(1000, WIDTH)
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer(self.table(index)), index + 1


def test_inputs_and_outputs_stay_as_they_are_declared(tmp_path: Path) -> None:
    source = half_weights(source_of(Dense), "fp16")
    load_format("onnx").compile(source, tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    types = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    assert types == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("model", [Dense, MakesFloats])
def test_half_weights_compute_what_the_model_computes(
    model: type[nn.Module], tmp_path: Path
) -> None:
    torch.manual_seed(3)
    module = model().eval()
    source = half_weights(source_of(lambda: module), "fp16")
    load_format("onnx").compile(source, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    x = np.linspace(-1, 1, 3 * WIDTH, dtype=np.float32).reshape(3, WIDTH)
    with torch.inference_mode():
        expected = module(torch.from_numpy(x)).numpy()
    (answer,) = session.run(None, {"x": x})
    assert np.abs(answer - expected).max() < 5e-3
    assert np.abs(answer - expected).max() > 0


def test_the_model_itself_keeps_its_weights() -> None:
    source = source_of(Dense)
    half_weights(source, "bf16")
    assert {parameter.dtype for parameter in source.module.parameters()} == {torch.float32}


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_tensor_of_a_fixed_type_does_not_keep_a_layer_in_float32(
    precision: str, tmp_path: Path
) -> None:
    compiled = compile_rtx(source_of(MakesFloats, precision=precision), tmp_path)
    assert compiled.details["precision"]["layers"] == {precision: 1}


def test_whole_numbers_are_not_rounded_to_half() -> None:
    spec = spec_of(
        Counter,
        inputs=(TensorSpec(name="index", dtype="int64", shape=()),),
        outputs=(
            TensorSpec(name="y", dtype="float32", shape=(WIDTH,)),
            TensorSpec(name="next", dtype="int64", shape=()),
        ),
    )
    source = half_weights(source_of(Counter, spec), "fp16")
    with torch.inference_mode():
        floats, numbers = source.module(torch.tensor([2, 999]))
    assert (floats.dtype, numbers.tolist()) == (torch.float32, [3, 1000])
