from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from exporters.capturing.capture import capture
from exporters.capturing.samples import read_samples
from exporters.errors import CompileError, SpecError
from exporters.spec import ModelSpec, Sample, TensorSpec
from exporters.zoo import ZOO
from tests.exporters.formats.compiling import compile_model
from tests.exporters.formats.conftest import Build
from tests.exporters.models import Doubler, spec_of


class Sharp(nn.Module):
    """Tells two classes apart by less than a step of int8."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(4, 2, bias=False)
        nn.init.zeros_(self.classes.weight)
        self.classes.weight.data[1, 0] = 1e-3
        self.classes.weight.data[:, 3] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        classes: Tensor = self.classes(x)
        return classes


def sharp_samples() -> Iterator[Sample]:
    random = np.random.default_rng(1)
    for _ in range(32):
        yield {"x": random.normal(size=4).astype(np.float32)}


def sharp(**changes: object) -> ModelSpec:
    answers = tuple(int(sample["x"][0] > 0) for sample in sharp_samples())
    outputs = (TensorSpec(name="y", dtype="float32", shape=(2,)),)
    fields = {"outputs": outputs, "samples": sharp_samples, "answers": answers, **changes}
    return spec_of(Sharp, **fields)


def test_weights_and_activations_of_the_arithmetic_are_int8(build: Build) -> None:
    built = build("mixer", "onnx int8")
    assert built.compiled.precision == "int8"
    assert built.compiled.details["quantized"] == {"Conv": [1, 1], "Gemm": [2, 2]}
    weights = [w for w in onnx.load(built.path).graph.initializer if len(w.dims) >= 2]
    assert {w.data_type for w in weights} == {onnx.TensorProto.INT8}


def test_every_channel_has_a_scale_of_its_own(build: Build) -> None:
    path = build("mixer", "onnx int8").path
    sizes = {tuple(value.dims) for value in onnx.load(path).graph.initializer}
    assert (8,) in sizes  # of the convolution's eight channels


def test_names_and_dimensions_stay_those_declared(build: Build) -> None:
    (value,) = onnx.load(build("denoiser", "onnx int8").path).graph.output
    dimensions = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    assert (value.name, dimensions) == ("clean", ["batch", 2, "length"])


def test_samples_of_several_lengths_calibrate_together(build: Build) -> None:
    details = build("attender", "onnx int8").compiled.details
    assert details["quantized"]["MatMul"][0] > 0
    assert details["agreement"] > 0.8


def test_accuracy_on_the_samples_is_reported(tmp_path: Path) -> None:
    spec = ZOO["mnist_cnn"].spec()
    right = tuple(int(a) for a in eager_classes(spec))
    spec = spec.model_copy(update={"answers": right})
    compiled, _ = compile_model(spec, "onnx", tmp_path, "int8")
    assert compiled.details["accuracy"] == {"fp32": 1.0, "int8": 1.0}


def test_a_drop_of_accuracy_past_the_bound_is_refused_with_both_figures(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"100\.00% of 32 samples in fp32 and \d+\.\d+% in int8"):
        compile_model(sharp(), "onnx", tmp_path, "int8")


def test_the_bound_is_the_specs(tmp_path: Path) -> None:
    compiled, _ = compile_model(sharp(max_accuracy_drop=1.0), "onnx", tmp_path, "int8")
    accuracy = compiled.details["accuracy"]
    assert accuracy["int8"] < accuracy["fp32"] == 1.0


def test_answers_that_are_not_one_for_each_sample_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="32 samples and 3 answers"):
        compile_model(sharp(answers=(0, 1, 0)), "onnx", tmp_path, "int8")


def test_without_answers_agreement_stands_for_accuracy(build: Build) -> None:
    details = build("mixer", "onnx int8").compiled.details
    assert details["accuracy"] is None
    assert details["why_no_accuracy"] == "the spec gives no `answers`"
    assert details["agreement"] > 0.8


def test_the_error_of_every_output_of_fractions_is_reported(build: Build) -> None:
    errors = build("detector", "onnx int8").compiled.details["rms_error"]
    assert sorted(errors) == ["boxes", "classes", "score"]
    assert all(0 < error < 0.2 for error in errors.values())


def test_a_model_with_nothing_to_quantise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"would be no int8 model: none .+\(it has 0\)"):
        compile_model(spec_of(Doubler), "onnx", tmp_path, "int8")


def test_nothing_but_the_model_is_left_behind(build: Build) -> None:
    directory = build("mixer", "onnx int8").path.parent
    assert [file.name for file in directory.iterdir()] == ["model.onnx"]


def eager_classes(spec: ModelSpec) -> list[int]:
    module = capture(spec).module
    with torch.no_grad():
        return [
            int(module(torch.from_numpy(sample["image"][None])).argmax())
            for sample in read_samples(spec)
        ]


class Coarse(nn.Module):
    """One input in a thousand times larger steps than the others, which then are all zero."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(4, 2, bias=False)
        self.classes.weight.data = torch.tensor([[1e-3, 1.0, -1.0, 1.0], [1e-3, -1.0, 1.0, 1.0]])

    def forward(self, x: Tensor) -> Tensor:
        classes: Tensor = self.classes(x * torch.tensor([1e3, 1.0, 1.0, 1.0])) - x[:, :1]
        return classes


def test_without_answers_a_large_error_is_refused(tmp_path: Path) -> None:
    outputs = (TensorSpec(name="y", dtype="float32", shape=(2,)),)
    spec = spec_of(Coarse, outputs=outputs, samples=sharp_samples)
    with pytest.raises(CompileError, match=r"size of 'y'.+ 25% is allowed"):
        compile_model(spec, "onnx", tmp_path, "int8")


def test_answers_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    # Both precisions would know none of them, which is no drop.
    with pytest.raises(CompileError, match=r"answers from 2 to 2, .+ classes 0 to 1"):
        compile_model(sharp(answers=(2,) * 32), "onnx", tmp_path, "int8")


def test_answers_that_fail_are_said_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"`answers` of 'small' fails: ZeroDivisionError"):
        compile_model(sharp(answers=lambda: [1 // 0]), "onnx", tmp_path, "int8")
