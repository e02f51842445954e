"""ONNX through torch.export, with a named batch dimension, for ONNX Runtime."""

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn

from exporters.arrays import Arrays, Runner
from exporters.errors import CompileError
from exporters.spec import ModelSpec

BACKEND = "onnxruntime"
PLATFORM = "onnxruntime_onnx"
FILENAME = "model.onnx"
PRECISION = "float32"

BATCH = "batch"


def compile(module: nn.Module, spec: ModelSpec, example: tuple[Tensor, ...], path: Path) -> None:
    try:
        with _known_noise():
            program = torch.onnx.export(
                module,
                example,
                dynamo=True,
                verbose=False,
                input_names=[tensor.name for tensor in spec.inputs],
                output_names=[tensor.name for tensor in spec.outputs],
                dynamic_shapes=_dynamic_shapes(spec),
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise CompileError(
            f"'{spec.name}' cannot be captured for ONNX: {_cause(error)} Change that line of the "
            "model, or try another format."
        ) from error
    assert program is not None  # only dynamo=False returns none
    program.save(path)
    onnx.checker.check_model(path)
    _check_interface(spec, path)


def load(path: Path, spec: ModelSpec) -> Runner:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in spec.outputs]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


def versions() -> dict[str, str]:
    return {
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }


def _dynamic_shapes(spec: ModelSpec) -> tuple[dict[int, torch.export.Dim], ...] | None:
    if not spec.batches:
        return None
    # Named and shared by all inputs: `Dim.AUTO` would silently fix the batch instead of failing.
    batch = torch.export.Dim(BATCH, min=1, max=max(2, spec.max_batch_size))
    return tuple({0: batch} for _ in spec.inputs)


def _check_interface(spec: ModelSpec, path: Path) -> None:
    """The file, and not the call that made it, decides what its names and dimensions are."""
    graph = onnx.load(path, load_external_data=False).graph
    _check_tensors(spec.name, "inputs", [tensor.name for tensor in spec.inputs], graph.input)
    _check_tensors(spec.name, "outputs", [tensor.name for tensor in spec.outputs], graph.output)
    if not spec.batches:
        return
    for value in (*graph.input, *graph.output):
        first = value.type.tensor_type.shape.dim[0]
        if not first.dim_param:
            raise CompileError(
                f"'{spec.name}' fixes the batch of '{value.name}' at {first.dim_value}: batching "
                "needs the first dimension of every input and output to be the batch. Let "
                "`forward` take it from its input's shape, or set max_batch_size=0."
            )


def _check_tensors(
    model: str, kind: str, declared: list[str], values: Iterable[onnx.ValueInfoProto]
) -> None:
    found = [value.name for value in values]
    if found != declared:
        raise CompileError(
            f"'{model}' has the {kind} {', '.join(found)}, where {', '.join(declared)} are "
            f"declared. Declare what `forward` takes and returns, in its order."
        )


@contextmanager
def _known_noise() -> Iterator[None]:
    """Torch warns about its own inner workings and about torchvision, which no model needs."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0]
