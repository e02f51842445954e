"""Triton's entry to the `pytorch` backend: TorchScript (`model.pt`), AOTInductor (`model.pt2`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import triton_python_backend_utils as pb_utils

from stack.backends.aoti import AotiProgram
from stack.backends.batching import Batching
from stack.backends.config import read_model
from stack.backends.threads import threads_for, usable_cores
from stack.backends.torch_engine import TorchEngine, bfloat16_tensor, device_of, keep_float32_exact
from stack.backends.torchscript import TorchScriptProgram
from stack.backends.warmup import warm_up


class TritonPythonModel:
    """One instance of a model; Triton gives each its own process."""

    def initialize(self, args: Mapping[str, str]) -> None:
        model = read_model(args, default_filenames=("model.pt", "model.pt2"))
        threads = threads_for(model, cores=usable_cores())
        torch.set_num_threads(threads.intra_op)
        torch.set_num_interop_threads(threads.inter_op)
        keep_float32_exact()
        device = device_of(model)
        program_type = AotiProgram if model.path.suffix == ".pt2" else TorchScriptProgram
        engine = TorchEngine(model, device, program_type(model, device), pb_utils)
        self._batching = Batching(model, engine, pb_utils)
        warm_up(self._batching, args, pb_utils, bfloat16_tensor)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        return self._batching.execute(requests)
