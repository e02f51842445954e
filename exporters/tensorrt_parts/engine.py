"""Loads an engine on this machine's GPU and runs it: the only proof that it computes right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from exporters.arrays import Array, Arrays
from exporters.errors import HostError
from exporters.spec import Interface
from exporters.tensorrt_parts import cuda
from exporters.tensorrt_parts.bindings import Bindings, installed
from exporters.tensorrt_parts.messages import collector, reason

# No stream of our own: the default one waits for the copies before it.
DEFAULT_STREAM = 0


@dataclass(frozen=True)
class Loaded:
    """An engine with the runtime that it must not outlive."""

    bindings: Bindings
    logger: Any
    runtime: Any
    engine: Any


def load_engine(plan: bytes) -> Loaded:
    """By whichever TensorRT here takes it; a `HostError` where none does."""
    cuda.require_gpu("An engine runs on a GPU only", instead="leave it unproven")
    found = installed()
    if not found:
        raise HostError(
            "No TensorRT is installed here to run the engine with. Prove it where it was built, or "
            'run: pip install "conch[export,tensorrt]" tensorrt==VERSION, with the version that '
            "built it."
        )
    refusals = []
    for bindings in found:
        loaded = deserialize(bindings, plan)
        if loaded.engine is not None:
            return loaded
        name = bindings.trt.__name__
        refusals.append(f"{name} {bindings.version}: {reason(loaded.logger)}")
    raise HostError(
        f"The engine cannot be loaded here ({'; '.join(refusals)}). An engine of TensorRT loads "
        "only in the version that built it and on the same kind of GPU, one of TensorRT for RTX on "
        "RTX GPUs; prove it there."
    )


def deserialize(bindings: Bindings, plan: bytes) -> Loaded:
    """Its engine is None where this TensorRT or this GPU does not take it."""
    trt = bindings.trt
    logger = collector(trt)
    runtime = trt.Runtime(logger)
    # A version-compatible engine brings the code of its own runtime.
    runtime.engine_host_code_allowed = True
    return Loaded(bindings, logger, runtime, runtime.deserialize_cuda_engine(plan))


class EngineRunner:
    """Runs one engine; every call brings its inputs to the GPU and its outputs back."""

    def __init__(self, loaded: Loaded, interface: Interface) -> None:
        self._loaded = loaded
        self._interface = interface
        self._contexts: dict[int, Any] = {}

    def __call__(self, inputs: Arrays) -> Arrays:
        with cuda.context():
            number = self._profile(inputs)
            context = self._context(number)
            with _buffers() as buffers:
                for name, values in inputs.items():
                    _give(context, buffers, name, values)
                return self._run(context, buffers)

    def _run(self, context: Any, buffers: dict[str, cuda.Buffer]) -> Arrays:
        outputs: dict[str, Array] = {}
        for tensor in self._interface.outputs:
            shape = tuple(context.get_tensor_shape(tensor.name))
            if min(shape, default=0) < 0:
                raise HostError(
                    f"The size of output '{tensor.name}' depends on the values of the inputs, and "
                    "such an engine is not run here. Prove it in another format."
                )
            outputs[tensor.name] = np.empty(shape, tensor.dtype)
            buffers[tensor.name] = cuda.Buffer(outputs[tensor.name].nbytes)
            context.set_tensor_address(tensor.name, buffers[tensor.name].address)
        if not context.execute_async_v3(DEFAULT_STREAM):
            raise RuntimeError(f"TensorRT could not run it: {reason(self._loaded.logger)}")
        for name, values in outputs.items():
            # The copy waits for the default stream.
            buffers[name].read(values)
        return outputs

    def _context(self, profile: int) -> Any:
        if profile not in self._contexts:
            engine = self._loaded.engine
            context = engine.create_execution_context()
            context.set_optimization_profile_async(profile, DEFAULT_STREAM)
            self._contexts[profile] = context
        return self._contexts[profile]

    def _profile(self, inputs: Arrays) -> int:
        engine = self._loaded.engine
        for number in range(engine.num_optimization_profiles):
            if all(self._takes(number, name, array) for name, array in inputs.items()):
                return number
        sizes = ", ".join(f"'{name}' {list(array.shape)}" for name, array in inputs.items())
        raise RuntimeError(f"no profile of the engine takes the inputs {sizes}")

    def _takes(self, profile: int, name: str, values: Array) -> bool:
        engine = self._loaded.engine
        least, _, most = engine.get_tensor_profile_shape(name, profile)
        return all(
            low <= size <= high for low, size, high in zip(least, values.shape, most, strict=True)
        )


@contextmanager
def _buffers() -> Iterator[dict[str, cuda.Buffer]]:
    held: dict[str, cuda.Buffer] = {}
    try:
        yield held
    finally:
        _free(held)


def _free(buffers: Mapping[str, cuda.Buffer]) -> None:
    for buffer in buffers.values():
        buffer.free()


def _give(context: Any, buffers: dict[str, cuda.Buffer], name: str, values: Array) -> None:
    contiguous = np.ascontiguousarray(values)
    buffers[name] = cuda.Buffer(contiguous.nbytes)
    buffers[name].write(contiguous)
    context.set_input_shape(name, contiguous.shape)
    context.set_tensor_address(name, buffers[name].address)
