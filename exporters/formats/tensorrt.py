"""TensorRT: ONNX into a strongly typed network, built into an engine for one kind of GPU.

What an engine is built with is in `exporters/tensorrt_parts/`.
"""

from pathlib import Path

from exporters.arrays import Runner
from exporters.formats import Compiled, Source, load_format
from exporters.spec import Interface
from exporters.tensorrt_parts import bindings, engine, refit
from exporters.tensorrt_parts.compiler import compile_engine

BACKEND = "tensorrt"
PLATFORM = "tensorrt_plan"
FILENAME = "model.plan"
PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8", "fp8")
ORDINAL_NAMES = False
VARIES = "TensorRT chooses kernels by how fast they ran while it was building."


def check_host(flavor: str) -> None:
    bindings.load_bindings(flavor)


def compile(source: Source, path: Path) -> Compiled:
    return compile_engine(source, path)


def load(path: Path, interface: Interface) -> Runner:
    loaded = engine.load_engine(path.read_bytes())
    weights = path.with_name(refit.WEIGHTS_FILENAME)
    if weights.exists():
        refit.refit_loaded(loaded, weights)
    return engine.EngineRunner(loaded, interface)


def versions() -> dict[str, str]:
    found = {each.trt.__name__: each.version for each in bindings.installed()}
    return {**load_format("onnx").versions(), **found}
