"""Small models whose answer tells which version gave it: y = factor * x."""

import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper

from exporters.publishing.placing import FOLDER, VERSION
from exporters.publishing.staging import staged
from exporters.repository import publish

ONNX, TORCHSCRIPT = "onnxruntime", "pytorch"
BROKEN = b"this is no model"
BODY = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 1]}]}
WARM_UP = (
    'model_warmup [{ name: "one" batch_size: 1 inputs { key: "x" '
    "value { data_type: TYPE_FP32 dims: [2] zero_data: true } } }]\n"
)
_FILES = {ONNX: "model.onnx", TORCHSCRIPT: "model.pt"}


class Times(torch.nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


class Refuses(torch.nn.Module):
    """Loads, and fails when it is run."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1] == 3, "three numbers are wanted"
        return x


def publish_failing_warm_up(repository: Path, name: str) -> int:
    """Publish a version that loads and does not get through its warm-up, for a server to try."""
    with staged(repository, name) as directory:
        (directory / VERSION).mkdir()
        _save_script(directory / VERSION / _FILES[TORCHSCRIPT], Refuses())
        (directory / FOLDER / "configs").mkdir(parents=True)
        for path in ("config.pbtxt", "configs/embedded.pbtxt"):
            (directory / FOLDER / path).write_text(config_text(TORCHSCRIPT) + WARM_UP)
        return publish(directory, repository, name, serve=False)


def publish_factor(
    repository: Path,
    name: str,
    factor: float | None,
    *,
    backend: str = ONNX,
    labels: tuple[str, ...] = (),
    serve: bool = True,
) -> int:
    """Publish a version as an export does; one without a factor cannot be loaded."""
    with staged(repository, name) as directory:
        (directory / VERSION).mkdir()
        write_factor(directory / VERSION, factor, backend=backend)
        (directory / FOLDER / "configs").mkdir(parents=True)
        text = config_text(backend, labelled=bool(labels))
        for path in ("config.pbtxt", "configs/embedded.pbtxt"):
            (directory / FOLDER / path).write_text(text)
        if labels:
            (directory / FOLDER / "labels.txt").write_text("\n".join(labels) + "\n")
        return publish(directory, repository, name, serve=serve)


def write_factor(version: Path, factor: float | None, *, backend: str = ONNX) -> None:
    """Write a version's file into its folder."""
    path = version / _FILES[backend]
    if factor is None:
        path.write_bytes(BROKEN)
    elif backend == ONNX:
        _save_onnx(path, factor)
    else:
        _save_script(path, Times(factor))


def config_text(backend: str, *, labelled: bool = False) -> str:
    labels = 'label_filename: "labels.txt"' if labelled else ""
    return (
        f'backend: "{backend}"\nmax_batch_size: 8\ndynamic_batching {{}}\n'
        'input [{ name: "x" data_type: TYPE_FP32 dims: [2] }]\n'
        f'output [{{ name: "y" data_type: TYPE_FP32 dims: [2] {labels} }}]\n'
        "instance_group [{ kind: KIND_CPU count: 1 }]\n"
    )


def _save_onnx(path: Path, factor: float) -> None:
    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2])

    constant = helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])
    node = helper.make_node("Mul", ["x", "factor"], ["y"])
    graph = helper.make_graph([node], "times", [value("x")], [value("y")], [constant])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def _save_script(path: Path, module: torch.nn.Module) -> None:
    with warnings.catch_warnings():
        # TorchScript is going away, says torch.
        warnings.simplefilter("ignore")
        torch.jit.script(module.eval()).save(str(path))
