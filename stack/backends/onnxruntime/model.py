"""Triton's entry to the `onnxruntime` backend: ONNX graphs (`model.onnx`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import triton_python_backend_utils as pb_utils

from stack.backends import onnx_bfloat16
from stack.backends.batching import Batching
from stack.backends.config import read_model
from stack.backends.onnx_engine import OnnxEngine
from stack.backends.threads import threads_for, usable_cores
from stack.backends.warmup import warm_up


class TritonPythonModel:
    """One instance of a model; Triton gives each its own process."""

    def initialize(self, args: Mapping[str, str]) -> None:
        model = read_model(args, default_filenames=("model.onnx",))
        threads = threads_for(model, cores=usable_cores())
        self._batching = Batching(model, OnnxEngine(model, threads, pb_utils), pb_utils)
        warm_up(self._batching, args, pb_utils, onnx_bfloat16.to_triton)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        return self._batching.execute(requests)
