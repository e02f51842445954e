from pathlib import Path

import onnx
import onnxslim
import pytest
import torch
from torch import nn

from exporters.capturing.capture import capture
from exporters.compiling.exported_program import exported_program
from exporters.errors import CompileError
from exporters.formats import Source, load_format
from exporters.formats import onnx as onnx_format
from exporters.spec import TensorSpec
from tests.exporters.conftest import ExportedZoo
from tests.exporters.format_columns import largest_error
from tests.exporters.format_models import DETECTOR, MIXER, TAGGER
from tests.exporters.formats.compiling import compile_model
from tests.exporters.formats.conftest import Build
from tests.exporters.models import WIDTH, Branching, Doubler, FixedBatch, MeanOverBatch, spec_of


def test_names_and_batch_of_the_file_are_those_declared(zoo: ExportedZoo) -> None:
    path = zoo.published["mnist_cnn"].path / "model.onnx"
    assert shapes_in(path) == {"image": ["batch", 1, 28, 28], "probabilities": ["batch", 10]}


def test_an_axis_keeps_its_name_in_every_tensor_that_has_it(build: Build) -> None:
    assert shapes_in(build("tagger", "onnx").path) == {
        "steps": ["batch", "length", 8],
        "tags": ["batch", "length", 5],
        "topic": ["batch", 3],
    }


def test_a_recurrent_layer_is_one_operation(build: Build) -> None:
    graph = onnx.load(build("tagger", "onnx").path).graph
    operations = [node.op_type for node in graph.node]
    assert operations.count("LSTM") == 2


def test_recurrent_layers_are_torchs_own_again_afterwards(build: Build) -> None:
    module = build("tagger", "onnx").captured.module
    fixed = TAGGER.model_copy(
        update={"inputs": (TensorSpec(name="steps", dtype="float32", shape=(3, 8)),)}
    )
    program = exported_program(module, fixed, (torch.ones(2, 3, 8),))
    steps = torch.ones(1, 3, 8)
    assert torch.allclose(program.module()(steps)[0], module(steps)[0], atol=1e-6)


def test_the_same_model_is_the_same_file(build: Build, tmp_path: Path) -> None:
    _, again = compile_model(DETECTOR, "onnx", tmp_path)
    assert again.read_bytes() == build("detector", "onnx").path.read_bytes()


def test_the_graph_is_simplified(build: Build) -> None:
    built = build("attender", "onnx")
    details = built.compiled.details
    assert details["simplified"] is True
    assert len(onnx.load(built.path).graph.node) == details["nodes"] < details["nodes_before"]


def test_a_graph_that_cannot_be_simplified_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(model: onnx.ModelProto) -> onnx.ModelProto:
        raise ValueError("an operation nobody knows")

    monkeypatch.setattr(onnxslim, "slim", fail)
    compiled, path = compile_model(DETECTOR, "onnx", tmp_path)
    assert compiled.details["simplified"] is False
    assert compiled.details["why_not_simplified"] == "an operation nobody knows"
    runner = load_format("onnx").load(path, DETECTOR.interface)
    assert largest_error(DETECTOR, capture(DETECTOR), runner, "fp32") < 1e-5


def test_large_weights_lie_in_a_file_beside_the_graph(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(onnx_format, "LARGEST_IN_ONE_FILE_BYTES", 1000)
    compiled, path = compile_model(MIXER, "onnx", tmp_path)
    assert compiled.details["external_data"] is True
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    runner = load_format("onnx").load(path, MIXER.interface)
    assert largest_error(MIXER, capture(MIXER), runner, "fp32") < 1e-5


def test_a_model_with_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="works for a batch of 2 only"):
        compile_small(FixedBatch(), tmp_path)


def test_an_output_whose_first_dimension_is_constant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="fixes the first dimension of 'y' at 4"):
        compile_small(MeanOverBatch(), tmp_path)


def test_a_branch_on_data_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"`return x \* 2 if .*models\.py, line \d+"):
        compile_small(Branching(), tmp_path)


def compile_small(module: nn.Module, directory: Path) -> None:
    source = Source(module.eval(), spec_of(Doubler), (torch.ones(2, WIDTH),))
    load_format("onnx").compile(source, directory / "model.onnx")


def shapes_in(path: Path) -> dict[str, list[str | int]]:
    graph = onnx.load(path, load_external_data=False).graph
    return {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
