from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from exporters.errors import CompileError
from exporters.formats import Source, load_format
from tests.exporters.conftest import ExportedZoo
from tests.exporters.models import WIDTH, Branching, Doubler, FixedBatch, MeanOverBatch, spec_of


def test_names_and_batch_of_the_file_are_those_declared(zoo: ExportedZoo) -> None:
    graph = onnx.load(zoo.published["mnist_cnn"].path / "model.onnx").graph
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {"image": ["batch", 1, 28, 28], "probabilities": ["batch", 10]}


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
