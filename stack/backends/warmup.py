"""Runs the configured warm-up while a model loads, so that one that fails is a refused load.

Triton runs it again once the model is loaded. A warm-up that fails only there can end the whole
server: Triton stops the instance's thread while that still has its hands on the list that Triton
then reads (StopBackendThread in its core; 2.51 ended in 10 of 20 failures, by signal 11).
"""

import json
import math
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stack.backends.batching import Batching
from stack.backends.config import BackendError
from stack.backends.reasons import one_line_reason

# In the model's folder; Triton reads `input_data_file` there.
_FOLDER = "warmup"

Json = Mapping[str, Any]
# Name, bits as uint16, Triton's module: a BF16 tensor, for which numpy has no type.
BFloat16Tensor = Callable[[str, Any, Any], Any]


@dataclass(frozen=True)
class _Request:
    """What `Batching` asks of a request of Triton."""

    tensors: Sequence[Any]
    outputs: Sequence[str]

    def inputs(self) -> Sequence[Any]:
        return self.tensors

    def requested_output_names(self) -> Sequence[str]:
        return self.outputs


def warm_up(
    batching: Batching, args: Mapping[str, str], triton: Any, bfloat16: BFloat16Tensor
) -> None:
    """Run every sample of `model_warmup` as Triton does; BackendError for one that fails."""
    config = json.loads(args["model_config"])
    maker = _Maker(config, Path(args["model_repository"]) / _FOLDER, triton, bfloat16)
    for sample in config.get("model_warmup", ()):
        # Triton makes one run of a count of 0.
        for _ in range(max(1, sample["count"])):
            # A batch is so many requests of one item; made anew, for a run may write into them.
            requests = [maker.request(sample)] * sample["batch_size"]
            _run(batching, requests, sample["name"])


def _run(batching: Batching, requests: Sequence[_Request], name: str) -> None:
    for response in batching.execute(requests):
        if response.has_error():
            raise BackendError(f"its warm-up '{name}' fails: {response.error().message()}")


class _Maker:
    """Makes the request of a sample."""

    def __init__(self, config: Json, folder: Path, triton: Any, bfloat16: BFloat16Tensor) -> None:
        self._folder = folder
        self._triton = triton
        self._bfloat16 = bfloat16
        self._batch = [1] if config["max_batch_size"] > 0 else []
        self._inputs = {entry["name"]: entry for entry in config["input"]}
        self._outputs = [entry["name"] for entry in config["output"]]

    def request(self, sample: Json) -> _Request:
        # Others are control inputs of a sequence, which the batcher adds.
        given = {name: how for name, how in sample["inputs"].items() if name in self._inputs}
        try:
            tensors = [self._tensor(name, how) for name, how in given.items()]
        except (OSError, ValueError, struct.error) as error:
            raise BackendError(
                f"its warm-up '{sample['name']}' has no usable input: {one_line_reason(error)}; "
                "correct model_warmup in the model's configuration, or export the model again."
            ) from error
        return _Request(tensors, self._outputs)

    def _tensor(self, name: str, how: Json) -> Any:
        dims = [int(size) for size in how["dims"]]
        shape = [*self._batch, *_reshaped(dims, self._inputs[name])]
        # A copy, as bytes may not be written to.
        values = self._values(how, math.prod(dims)).reshape(shape).copy()
        if how["data_type"] == "TYPE_BF16":
            return self._bfloat16(name, values, self._triton)
        return self._triton.Tensor(name, values)

    def _values(self, how: Json, count: int) -> Any:
        if how["data_type"] == "TYPE_STRING":
            # Each text is its length in four bytes and then itself; random ones are empty too.
            raw = self._file(how) if "input_data_file" in how else bytes(4 * count)
            return self._triton.deserialize_bytes_tensor(raw)
        dtype = np.dtype(self._dtype(how["data_type"]))
        if "input_data_file" in how:
            return np.frombuffer(self._file(how), dtype, count)
        size_bytes = count * dtype.itemsize
        raw = os.urandom(size_bytes) if "random_data" in how else bytes(size_bytes)
        return np.frombuffer(raw, dtype)

    def _dtype(self, data_type: str) -> Any:
        if data_type == "TYPE_BF16":
            return np.uint16
        return self._triton.triton_string_to_numpy(data_type)

    def _file(self, how: Json) -> bytes:
        path: Path = self._folder / how["input_data_file"]
        return path.read_bytes()


def _reshaped(dims: Sequence[int], entry: Json) -> Iterable[int]:
    """The dims as a backend sees them, where the input has a `reshape`."""
    if "reshape" not in entry:
        return dims
    pairs = zip(dims, entry["dims"], strict=True)
    dynamic = iter([size for size, configured in pairs if int(configured) == -1])
    return [next(dynamic) if int(size) == -1 else int(size) for size in entry["reshape"]["shape"]]
