"""Finished files as others write them; none comes from this project's exporter.

`files/` holds what skl2onnx 1.20 wrote of logistic regressions on iris: as it is by default
(zipmap), with classes as text (strings), and as it can be served (iris).
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

FILES = Path(__file__).parent / "files"
IRIS = FILES / "iris.onnx"

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((4,), 3.0))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        y = x * self.scale * mask
        return y, y.sum(-1)


def write_onnx(
    path: Path,
    *nodes: onnx.NodeProto,
    inputs: dict[str, tuple[int, Any]],
    outputs: dict[str, tuple[int, Any]],
    weights: dict[str, Any] | None = None,
    opset: int = 17,
    external: bool = False,
) -> Path:
    """Shapes are lists of numbers, names and None, or None where the file says nothing."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, *given) for name, given in inputs.items()],
        [helper.make_tensor_value_info(name, *given) for name, given in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if external:
        onnx.save(model, path, save_as_external_data=True, location="model.data", size_threshold=0)
    else:
        onnx.save(model, path)
    return path


def doubler(path: Path, shape: Any = ("batch", 4), **options: Any) -> Path:
    """y = x * 2"""
    return write_onnx(
        path,
        helper.make_node("Mul", ["x", "two"], ["y"]),
        inputs={"x": (FLOAT, shape)},
        outputs={"y": (FLOAT, shape)},
        weights={"two": np.full(4, 2, "float32")},
        **options,
    )


def centred(path: Path) -> Path:
    """Every item's answer depends on who shares its batch."""
    return write_onnx(
        path,
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
        inputs={"x": (FLOAT, ["batch", 4])},
        outputs={"y": (FLOAT, ["batch", 4])},
    )


def heard_over_the_loudest(path: Path) -> Path:
    """Only an item that is far fainter than another of its batch comes out wrong."""
    return write_onnx(
        path,
        helper.make_node("Abs", ["x"], ["loudness"]),
        helper.make_node("ReduceMax", ["loudness"], ["peaks"], axes=[1], keepdims=1),
        helper.make_node("ReduceMax", ["peaks"], ["loudest"], keepdims=1),
        helper.make_node("Mul", ["loudest", "share"], ["floor"]),
        helper.make_node("Max", ["peaks", "floor"], ["y"]),
        inputs={"x": (FLOAT, ["batch", 4])},
        outputs={"y": (FLOAT, ["batch", 1])},
        weights={"share": np.full((1, 1), 0.01, "float32")},
    )


def lookup(path: Path) -> Path:
    """ids of a length that changes into rows of a table; the file fixes a length that is not."""
    return write_onnx(
        path,
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        inputs={"ids": (INT64, ["n", "length"])},
        outputs={"rows": (FLOAT, ["n", "length", 2])},
        weights={"table": np.arange(10, dtype="float32").reshape(5, 2)},
    )


def torchscript(path: Path, module: nn.Module | None = None, *, scripted: bool = False) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if scripted:
            assert module is not None
            torch.jit.save(torch.jit.script(module), path)
        else:
            example = (torch.ones(2, 5, 4), torch.ones(2, 5, 1))
            torch.jit.save(torch.jit.trace((module or Scaled()).eval(), example), path)
    return path


def exported_program(path: Path, module: nn.Module | None = None, *, least: int = 1) -> Path:
    batch = torch.export.Dim("batch", min=least, max=8)
    length = torch.export.Dim("length", min=1, max=16)
    program = torch.export.export(
        (module or Scaled()).eval(),
        (torch.ones(2, 5, 4), torch.ones(2, 5, 1)),
        dynamic_shapes=({0: batch, 1: length}, {0: batch, 1: length}),
    )
    with warnings.catch_warnings():
        # torch's own treespecs, pickled.
        warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated", FutureWarning)
        torch.export.save(program, path)
    return path
