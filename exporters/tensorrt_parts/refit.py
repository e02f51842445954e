"""Puts weights back into an engine that was built without them."""

from __future__ import annotations

import os
from pathlib import Path

from exporters.errors import HostError
from exporters.tensorrt_parts.engine import Loaded, load_engine
from exporters.tensorrt_parts.messages import reason

# Beside a stripped engine: the graph that it was built from, with the weights.
WEIGHTS_FILENAME = "weights.onnx"


def refit(plan: Path, onnx: Path, written: Path) -> None:
    """Writes the engine of `plan` with the weights of `onnx`; needs the GPU that built it.

    refit(Path("1/model.plan"), Path("1/weights.onnx"), Path("2/model.plan"))
    """
    loaded = load_engine(plan.read_bytes())
    refit_loaded(loaded, onnx)
    trt = loaded.bindings.trt
    engine = loaded.engine
    serialization = engine.create_serialization_config()
    serialization.clear_flag(trt.SerializationFlag.EXCLUDE_WEIGHTS)
    whole = engine.serialize_with_config(serialization)
    partial = written.with_name(f"{written.name}.partial")
    partial.write_bytes(bytes(whole))
    os.replace(partial, written)


def refit_loaded(loaded: Loaded, onnx: Path) -> None:
    """The same in memory; raises a `HostError` for weights that are not the engine's."""
    trt = loaded.bindings.trt
    if not onnx.exists():
        raise HostError(
            f"{onnx} does not exist; an engine without weights needs the ONNX file that it was "
            "built from. Copy it there, or build the engine with strip_weights=False."
        )
    if not loaded.engine.refittable:
        raise HostError(
            "The engine has its weights built in and takes no others. Build it with "
            "strip_weights=True to refit it."
        )
    refitter = trt.Refitter(loaded.engine, loaded.logger)
    parser_refitter = trt.OnnxParserRefitter(refitter, loaded.logger)
    taken = parser_refitter.refit_from_file(str(onnx))
    if not taken or not refitter.refit_cuda_engine():
        missing = ", ".join(refitter.get_missing_weights()) or "none"
        raise HostError(
            f"The weights of {onnx} do not fit the engine (missing: {missing}; "
            f"{reason(loaded.logger)}). Refit it with the ONNX file that it was built from."
        )
