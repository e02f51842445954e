"""From a model to an engine: ONNX, types, network, profiles, build, and what was really built."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from exporters.errors import CompileError
from exporters.formats import Compiled, Source, load_format
from exporters.tensorrt_parts import builder, inspector, modelopt, profiles
from exporters.tensorrt_parts.bindings import Bindings, load_bindings
from exporters.tensorrt_parts.cuda import find_gpu
from exporters.tensorrt_parts.engine import deserialize
from exporters.tensorrt_parts.identity import EngineIdentity, this_platform
from exporters.tensorrt_parts.messages import reason
from exporters.tensorrt_parts.model_lines import lines_by_node
from exporters.tensorrt_parts.network import Parsed, parse
from exporters.tensorrt_parts.precision import HALVES, half_weights
from exporters.tensorrt_parts.refit import WEIGHTS_FILENAME

ONNX_FILENAME = "model.onnx"
QUANTIZED = ("int8", "fp8")


def compile_engine(source: Source, path: Path) -> Compiled:
    """Writes the engine at `path`, whole or not at all."""
    bindings = _check(source)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".onnx-") as scratch:
        onnx, route = _typed_onnx(source, Path(scratch))
        parsed = parse(bindings, onnx, source.spec.name, lambda: lines_by_node(source, onnx))
        declared = inspector.of_network(parsed)
        declared.check(source.precision, source.spec.name)
        plan = builder.build(parsed, source.spec, source.precision)
        built = _read_back(parsed, plan, source) or declared
        _write(path, plan)
        if source.spec.tensorrt.strip_weights:
            _keep_weights(onnx, path.parent)
    return Compiled(
        source.precision,
        {
            "engine": asdict(_identity(bindings, source)),
            "precision": {**asdict(built), "route": route},
            "profiles": [
                {name: asdict(shape) for name, shape in shapes.items()}
                for shapes in profiles.resolve(source.spec)
            ],
            "options": source.spec.tensorrt.model_dump(mode="json", exclude={"profiles"}),
        },
    )


def _check(source: Source) -> Bindings:
    """Everything that can be refused before the first step, which takes minutes."""
    bindings = load_bindings(source.flavor)
    builder.check_options(source.spec.tensorrt, source.flavor)
    profiles.resolve(source.spec)
    if source.precision in QUANTIZED:
        modelopt.require(source.precision)
    return bindings


def _typed_onnx(source: Source, scratch: Path) -> tuple[Path, str]:
    """The graph whose types are the precision asked for, and how it came by them."""
    if source.precision in QUANTIZED:
        python = modelopt.require(source.precision)
        return modelopt.quantize(python, _onnx(source, scratch), source), "modelopt quantization"
    if source.precision not in HALVES:
        return _onnx(source, scratch), "as declared"
    if own := modelopt.configured():
        return modelopt.autocast(own, _onnx(source, scratch), source.precision), "modelopt autocast"
    return _onnx(half_weights(source, source.precision), scratch), "half weights"


def _onnx(source: Source, scratch: Path) -> Path:
    path = scratch / ONNX_FILENAME
    load_format("onnx").compile(replace(source, precision="fp32"), path)
    return path


def _read_back(parsed: Parsed, plan: bytes, source: Source) -> inspector.Precision | None:
    """What the engine says of itself; None where it does not say.

    One of TensorRT for RTX has no kernels yet: they are made for the GPU that first runs it.
    """
    if parsed.bindings.flavor == "rtx":
        return None
    loaded = deserialize(parsed.bindings, plan)
    if loaded.engine is None:
        raise CompileError(
            f"TensorRT {parsed.bindings.version} built '{source.spec.name}' and cannot load it "
            f"again: {reason(loaded.logger)}. Try a lower builder_level, or another format."
        )
    listing = inspector.list_layers(parsed.bindings.trt, loaded.engine)
    if source.precision == "fp32" and inspector.uses_tf32(listing):
        raise CompileError(
            f"'{source.spec.name}' was to be built in fp32, and the engine has TF32 kernels. "
            "Choose tf32 if its rounding to 10 bits will do, or another format."
        )
    built = inspector.of_listing(listing)
    if built:
        built.check(source.precision, source.spec.name)
    return built


def _identity(bindings: Bindings, source: Source) -> EngineIdentity:
    gpu = find_gpu() if bindings.flavor == "tensorrt" else None
    options = source.spec.tensorrt
    return EngineIdentity(
        flavor=bindings.flavor,
        tensorrt=bindings.version,
        compute_capability=gpu.compute_capability if gpu else None,
        platform=this_platform(),
        version_compatible=options.version_compatible,
        hardware_compatible=options.hardware_compatible,
        stripped=options.strip_weights,
    )


def _keep_weights(onnx: Path, directory: Path) -> None:
    """A stripped engine is worth nothing without them."""
    os.replace(onnx, directory / WEIGHTS_FILENAME)
    # Data of a large model, whose name stands in the file.
    for beside in onnx.parent.glob(f"{onnx.name}?*"):
        os.replace(beside, directory / beside.name)


def _write(path: Path, plan: Any) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(plan)
    os.replace(partial, path)
