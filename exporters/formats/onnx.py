"""ONNX with a named dimension for the batch and every axis, for ONNX Runtime."""

from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import onnxslim
import torch

from exporters.arrays import Arrays, Runner
from exporters.compiling.exported_program import dynamic_shapes, exported_program
from exporters.compiling.model_line import line_of_error
from exporters.compiling.onnx_graph import check_interface, simplify
from exporters.compiling.onnx_int8 import quantize
from exporters.compiling.quiet import quiet
from exporters.compiling.recurrent import recurrent_layers_whole
from exporters.errors import CompileError, HostError
from exporters.formats import Compiled, Source
from exporters.spec import Interface

BACKEND = "onnxruntime"
PLATFORM = "onnxruntime_onnx"
FILENAME = "model.onnx"
PRECISIONS = ("fp32", "int8")
ORDINAL_NAMES = False
VARIES = ""

# One protobuf message holds 2 GiB; the graph needs some of it beside the weights.
LARGEST_IN_ONE_FILE_BYTES = 1_900_000_000


def check_host(flavor: str) -> None:
    """Every host with the export extra will do."""


def compile(source: Source, path: Path) -> Compiled:
    program = onnx_program(source)
    external = _weight_bytes(program) > LARGEST_IN_ONE_FILE_BYTES
    program.save(path, external_data=external)
    onnx.checker.check_model(path)
    details = _left_large() if external else simplify(path)
    check_interface(source.spec, path)
    if source.precision == "int8":
        details |= quantize(source, path, load)
        check_interface(source.spec, path)
    return Compiled(source.precision, {"opset": _opset(path), **details})


def load(path: Path, interface: Interface) -> Runner:
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base
        reason = str(error).strip().partition("\n")[0]
        raise HostError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {path.name}: {reason} Try a newer "
            "onnxruntime, or another format."
        ) from error
    names = [tensor.name for tensor in interface.outputs]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


def versions() -> dict[str, str]:
    return {
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "onnxslim": onnxslim.__version__,
    }


def onnx_program(source: Source) -> torch.onnx.ONNXProgram:
    spec = source.spec
    with recurrent_layers_whole(), quiet():
        # Given the module, torch.onnx.export would fall back to captures that fix the batch.
        captured = exported_program(source.module, spec, source.example)
        try:
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
                f"'{spec.name}' cannot be written as ONNX: {_cause(error)} Replace that operation "
                "in the model, or try another format."
            ) from error
    assert program is not None  # torch returns none with dynamo=False only
    return program


def _weight_bytes(program: torch.onnx.ONNXProgram) -> int:
    weights = (value.const_value for value in program.model.graph.initializers.values())
    return sum(weight.nbytes for weight in weights if weight is not None)


def _left_large() -> dict[str, Any]:
    return {
        "external_data": True,
        "simplified": False,
        "why_not_simplified": "weights of this size lie in a file of their own",
    }


def _opset(path: Path) -> int:
    imports = onnx.load(path, load_external_data=False).opset_import
    return next(imported.version for imported in imports if imported.domain in ("", "ai.onnx"))


def _cause(error: BaseException) -> str:
    line = line_of_error(error)
    while error.__cause__ is not None:
        error = error.__cause__
    where = f" It comes from {line}." if line else ""
    return f"{str(error).strip().partition(chr(10))[0].rstrip('.')}.{where}"
