"""ONNX with a named batch dimension, for ONNX Runtime."""

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch

from exporters.arrays import Arrays, Runner
from exporters.errors import CompileError
from exporters.exported_program import dynamic_shapes, exported_program
from exporters.formats import Compiled, Source
from exporters.spec import Interface, ModelSpec, TensorSpec

BACKEND = "onnxruntime"
PLATFORM = "onnxruntime_onnx"
FILENAME = "model.onnx"
PRECISIONS = ("fp32",)
ORDINAL_NAMES = False
VARIES = ""


def check_host(flavor: str) -> None:
    """Every host with the export extra will do."""


def compile(source: Source, path: Path) -> Compiled:
    module, spec, example = source.module, source.spec, source.example
    # Given the module, torch.onnx.export would fall back to captures that fix the batch.
    captured = exported_program(module, spec, example)
    try:
        with _known_noise():
            program = torch.onnx.export(
                captured,
                dynamo=True,
                verbose=False,
                input_names=[tensor.name for tensor in spec.inputs],
                output_names=[tensor.name for tensor in spec.outputs],
                dynamic_shapes=dynamic_shapes(spec),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise CompileError(
            f"'{spec.name}' cannot be written as ONNX: {_cause(error)} Replace that operation in "
            "the model, or try another format."
        ) from error
    assert program is not None  # torch returns none with dynamo=False only
    program.save(path)
    onnx.checker.check_model(path)
    _check_interface(spec, path)
    return Compiled(source.precision)


def load(path: Path, interface: Interface) -> Runner:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in interface.outputs]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


def versions() -> dict[str, str]:
    return {
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }


def _check_interface(spec: ModelSpec, path: Path) -> None:
    """The file, and not the call that made it, decides what its names and dimensions are."""
    graph = onnx.load(path, load_external_data=False).graph
    _check_names(spec.name, "inputs", spec.inputs, graph.input)
    _check_names(spec.name, "outputs", spec.outputs, graph.output)
    if not spec.batches:
        return
    for value in (*graph.input, *graph.output):
        first = value.type.tensor_type.shape.dim[0]
        if not first.dim_param:
            raise CompileError(
                f"'{spec.name}' fixes the first dimension of '{value.name}' at {first.dim_value}; "
                "with batching it must be the batch. Let `forward` keep the first dimension of "
                "its input, or set max_batch_size=0."
            )


def _check_names(
    model: str, kind: str, declared: tuple[TensorSpec, ...], values: Iterable[onnx.ValueInfoProto]
) -> None:
    wanted, found = [tensor.name for tensor in declared], [value.name for value in values]
    if found != wanted:
        raise CompileError(
            f"'{model}' has the {kind} {', '.join(found)} in the written file, where "
            f"{', '.join(wanted)} are declared. Declare what `forward` takes and returns, in its "
            "order."
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
            # Several inputs share the one batch dimension, as they must.
            warnings.filterwarnings("ignore", r".*axis name: batch will not be used", UserWarning)
            yield
    finally:
        logger.setLevel(level)


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0]
