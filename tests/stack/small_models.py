"""A model repository of small models, one for each thing a backend must be able to do."""

import struct
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper

from tests.stack.factor_models import Refuses

# Name, Triton's type, dims.
Tensor = tuple[str, str, list[int]]

# Half precision has models of its own: Triton's JSON cannot carry it.
TORCH_DTYPES = ["BOOL", "UINT8", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64"]
TORCH_HALF_DTYPES = ["FP16", "BF16"]
# Others beside BF16: a model with one BF16 tensor takes another way for all of them.
ONNX_HALF_DTYPES = ["FP16", "BF16", "FP32", "BOOL"]
ONNX_DTYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "STRING": TensorProto.STRING,
}
# Long enough for concurrent requests of a test to meet in one batch.
MEETING_POINT = "dynamic_batching { max_queue_delay_microseconds: 200000 }"


class SumAndDifference(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return left + right, left - right


class Picky(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool((x < 0).any()):
            raise ValueError("negative numbers are not allowed")
        return x * 2


class Shout(torch.nn.Module):
    def forward(self, words: list[str]) -> list[str]:
        return [word.upper() for word in words]


class ByKey(torch.nn.Module):
    def forward(self, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"twice": given["number"] * 2, "negative": -given["number"]}


class CumulativeSum(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.cumsum(0)


class EchoAll(torch.nn.Module):
    """Returns what it is given; TorchScript wants one argument for each type."""

    def forward(
        self,
        a: torch.Tensor,
        b: torch.Tensor,
        c: torch.Tensor,
        d: torch.Tensor,
        e: torch.Tensor,
        f: torch.Tensor,
        g: torch.Tensor,
        h: torch.Tensor,
    ) -> tuple[
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
    ]:
        return a, b, c, d, e, f, g, h


class EchoHalf(torch.nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a, b


class Expects(torch.nn.Module):
    """Runs with the one warm-up that `expects` is configured with, and fails with any other."""

    def forward(self, words: list[str], x: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        assert words[0] == "two words" and words[-1] == "two words"
        assert x.dim() == 2 and x.shape[1] == 3
        assert bool((x == torch.tensor([1.0, 2.0, 3.0])).all())
        assert length.dim() == 1 and bool((length == 0).all())
        assert len(words) == 2 and x.shape[0] == 2 and length.shape[0] == 2
        return x.add_(1)


def write_small_models(repository: Path) -> None:
    """All of them; `broken_*` cannot be loaded, each for another reason."""
    _write_torch_models(repository)
    write_onnx_models(repository)
    _write_broken_models(repository)


def write_config(
    folder: Path,
    *,
    backend: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    max_batch_size: int = 8,
    extra: str = "",
) -> Path:
    """Write config.pbtxt and return the folder of version 1."""
    (folder / "1").mkdir(parents=True, exist_ok=True)
    (folder / "config.pbtxt").write_text(
        f'backend: "{backend}"\nmax_batch_size: {max_batch_size}\n'
        + "".join(_entry("input", tensor) for tensor in inputs)
        + "".join(_entry("output", tensor) for tensor in outputs)
        + extra
    )
    return folder / "1"


def warmup(inputs: Sequence[Tensor], data: Mapping[str, str], *, batch_size: int = 2) -> str:
    """A `model_warmup` of zeros, except for the inputs whose `data` is given."""
    return (
        f"model_warmup [{{ name: 'sample' batch_size: {batch_size} count: 2 "
        + " ".join(
            f"inputs {{ key: '{name}' value {{ data_type: TYPE_{dtype} dims: {dims} "
            f"{data.get(name, 'zero_data: true')} }} }}"
            for name, dtype, dims in inputs
        )
        + " }]\n"
    )


def save_script(module: torch.nn.Module, path: Path) -> None:
    """Script and save, without torch's notice that TorchScript is going away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module.eval()).save(str(path))


def write_doubler(repository: Path, name: str = "doubler") -> None:
    """The quickest model to load: one ONNX node, y = x + x."""
    version = write_config(
        repository / name,
        backend="onnxruntime",
        inputs=[("x", "FP32", [2])],
        outputs=[("y", "FP32", [2])],
        extra="instance_group [{ kind: KIND_CPU count: 1 }]",
    )
    node = helper.make_node("Add", ["x", "x"], ["y"])
    _save_graph(version, [node], [("x", "FP32", [2])], [("y", "FP32", [2])])


def write_python_model(
    repository: Path,
    name: str,
    *,
    initialize: str = "pass",
    execute: str = "pass",
    warmed_up: bool = False,
) -> None:
    """A user's own `backend: "python"` model, y = x; the two statements run before its own work."""
    sample = "inputs { key: 'x' value { data_type: TYPE_FP32 dims: [2] zero_data: true } }"
    warmup = f"model_warmup [{{ name: 'zeros' batch_size: 1 {sample} }}]\n"
    version = write_config(
        repository / name,
        backend="python",
        inputs=[("x", "FP32", [2])],
        outputs=[("y", "FP32", [2])],
        extra="instance_group [{ kind: KIND_CPU count: 1 }]\n" + (warmup if warmed_up else ""),
    )
    (version / "model.py").write_text(
        _PYTHON_MODEL.replace("INITIALIZE", initialize).replace("EXECUTE", execute)
    )


_PYTHON_MODEL = """
import os, signal
from pathlib import Path
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        INITIALIZE

    def execute(self, requests):
        EXECUTE
        return [pb_utils.InferenceResponse([self.echo(request)]) for request in requests]

    def echo(self, request):
        return pb_utils.Tensor("y", pb_utils.get_input_tensor_by_name(request, "x").as_numpy())
"""


def _write_torch_models(repository: Path) -> None:
    def add(name: str, module: torch.nn.Module, **config: Any) -> None:
        version = write_config(repository / name, backend="pytorch", **config)
        save_script(module, version / "model.pt")

    number = ("number", "FP32", [1])
    add(
        "sum_and_difference",
        SumAndDifference(),
        # Not in the order of forward(): the names decide.
        inputs=[("right", "FP32", [-1]), ("left", "FP32", [-1])],
        outputs=[("OUTPUT__1", "FP32", [-1]), ("OUTPUT__0", "FP32", [-1])],
        extra=MEETING_POINT,
    )
    add(
        "picky",
        Picky(),
        inputs=[("x", "FP32", [2])],
        outputs=[("y", "FP32", [2])],
        extra=MEETING_POINT,
    )
    add(
        "shout",
        Shout(),
        inputs=[("words", "STRING", [1])],
        outputs=[("loud", "STRING", [1])],
        extra=MEETING_POINT,
    )
    add(
        "by_key",
        ByKey(),
        inputs=[number],
        outputs=[("negative", "FP32", [1]), ("twice", "FP32", [1])],
    )
    add(
        "no_batch",
        CumulativeSum(),
        inputs=[("x", "INT64", [-1])],
        outputs=[("y", "INT64", [-1])],
        max_batch_size=0,
    )
    add(
        "lying",
        SumAndDifference(),
        inputs=[("left", "FP32", [1]), ("right", "FP32", [1])],
        outputs=[("dtype__0", "FP64", [1]), ("shape__1", "FP32", [3])],
    )
    for name, module, dtypes in (
        ("echo_torch", EchoAll(), TORCH_DTYPES),
        ("echo_torch_half", EchoHalf(), TORCH_HALF_DTYPES),
    ):
        inputs = [(f"{dtype}_in__{at}", dtype, [2]) for at, dtype in enumerate(dtypes)]
        add(
            name,
            module,
            inputs=inputs,
            outputs=[(f"{dtype}_out__{at}", dtype, [2]) for at, dtype in enumerate(dtypes)],
            extra=warmup(inputs, {}),
        )
    _write_expects(repository)


def _write_expects(repository: Path) -> None:
    inputs = [("words", "STRING", [1]), ("x", "FP32", [-1])]
    sample = [("words", "STRING", [1]), ("x", "FP32", [3]), ("length", "INT64", [1])]
    files = {name: f"input_data_file: '{name}.raw'" for name, _, _ in inputs}
    version = write_config(
        repository / "expects",
        backend="pytorch",
        inputs=inputs,
        outputs=[("y", "FP32", [3])],
        extra="input [{ name: 'length' data_type: TYPE_INT64 dims: [1] reshape {} }]\n"
        + warmup(sample, files),
    )
    save_script(Expects(), version / "model.pt")
    (repository / "expects/warmup").mkdir()
    words = b"two words"
    (repository / "expects/warmup/words.raw").write_bytes(struct.pack("<I", len(words)) + words)
    (repository / "expects/warmup/x.raw").write_bytes(struct.pack("<3f", 1, 2, 3))


def write_onnx_models(repository: Path) -> None:
    """Those of ONNX; `echo_onnx` and `echo_onnx_half` have every type between them."""
    write_doubler(repository)
    for name, dtypes in (
        ("echo_onnx", [dtype for dtype in ONNX_DTYPES if dtype not in ("FP16", "BF16")]),
        ("echo_onnx_half", ONNX_HALF_DTYPES),
    ):
        inputs = [(f"{dtype}_in", dtype, [2]) for dtype in dtypes]
        outputs = [(f"{dtype}_out", dtype, [2]) for dtype in dtypes]
        version = write_config(
            repository / name,
            backend="onnxruntime",
            inputs=inputs,
            outputs=outputs,
            extra=MEETING_POINT + warmup(inputs, {inputs[0][0]: "random_data: true"}),
        )
        pairs = zip(inputs, outputs, strict=True)
        nodes = [helper.make_node("Identity", [given[0]], [made[0]]) for given, made in pairs]
        _save_graph(version, nodes, inputs, outputs)
    arithmetic_in = [("a", "FP32", [2]), ("b", "FP32", [2])]
    arithmetic_out = [("sum", "FP32", [2]), ("product", "FP32", [2])]
    version = write_config(
        repository / "arithmetic",
        backend="onnxruntime",
        inputs=arithmetic_in,
        outputs=arithmetic_out,
        extra=MEETING_POINT,
    )
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Mul", ["a", "b"], ["product"]),
    ]
    _save_graph(version, nodes, arithmetic_in, arithmetic_out)


def _write_broken_models(repository: Path) -> None:
    tensors: dict[str, Any] = {"inputs": [("x", "FP32", [2])], "outputs": [("y", "FP32", [2])]}
    write_config(repository / "broken_no_file", backend="onnxruntime", **tensors)
    version = write_config(repository / "broken_onnx", backend="onnxruntime", **tensors)
    (version / "model.onnx").write_bytes(b"this is no protobuf message")
    _write_text_beside_bfloat16(repository)
    _write_broken_warmups(repository)
    version = write_config(repository / "broken_script", backend="pytorch", **tensors)
    (version / "model.pt").write_bytes(b"this is no archive")
    platform = 'platform: "torch_aoti"'
    write_config(repository / "broken_platform", backend="pytorch", extra=platform, **tensors)
    gpu = "instance_group [{ kind: KIND_GPU }]"
    write_config(repository / "broken_gpu", backend="pytorch", extra=gpu, **tensors)


def _write_broken_warmups(repository: Path) -> None:
    inputs, outputs = [("x", "FP32", [2])], [("y", "FP32", [2])]
    for name, data in (
        ("broken_warmup", "zero_data: true"),
        ("broken_warmup_file", "input_data_file: 'lost.raw'"),
    ):
        sample = warmup(inputs, {"x": data})
        version = write_config(
            repository / name, backend="pytorch", inputs=inputs, outputs=outputs, extra=sample
        )
        save_script(Refuses(), version / "model.pt")


def _write_text_beside_bfloat16(repository: Path) -> None:
    inputs, outputs = [("words", "STRING", [2]), ("x", "BF16", [2])], [("y", "BF16", [2])]
    version = write_config(
        repository / "broken_text", backend="onnxruntime", inputs=inputs, outputs=outputs
    )
    _save_graph(version, [helper.make_node("Identity", ["x"], ["y"])], inputs, outputs)


def _entry(kind: str, tensor: Tensor) -> str:
    name, dtype, dims = tensor
    return f'{kind} [{{ name: "{name}" data_type: TYPE_{dtype} dims: {dims} }}]\n'


def _save_graph(
    version: Path,
    nodes: Sequence[Any],
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> None:
    def value(tensor: Tensor) -> Any:
        name, dtype, dims = tensor
        return helper.make_tensor_value_info(name, ONNX_DTYPES[dtype], ["batch", *dims])

    graph = helper.make_graph(nodes, "g", [*map(value, inputs)], [*map(value, outputs)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, version / "model.onnx")
