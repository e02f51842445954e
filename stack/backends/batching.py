"""Joins the requests of one dynamic batch into one run and splits the result.

Knows neither torch nor ONNX Runtime: an `Engine` runs arrays, and reads and writes Triton's.
"""

import contextlib
from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

from stack.backends.config import BackendError, ServedModel, TensorSpec
from stack.backends.reasons import one_line_reason

# A torch.Tensor or a numpy.ndarray: something with .shape that can be sliced by rows.
Array = Any


class Engine(Protocol):
    """One loaded model and its kind of array."""

    def read(self, tensor: Any) -> Array: ...

    def join(self, arrays: Sequence[Array]) -> Array: ...

    def run(self, inputs: Sequence[Array | None], wanted: Sequence[str]) -> dict[str, Array]:
        """One run; `inputs` in the order of the configuration, None for an optional one."""

    def copy(self, array: Array) -> Array: ...

    def dtype_of(self, name: str, array: Array) -> str: ...

    def write(self, name: str, array: Array) -> Any: ...


class Batching:
    """Executes what Triton's batcher hands over; every request gets an answer or its own error."""

    def __init__(self, model: ServedModel, engine: Engine, triton: Any) -> None:
        self._engine = engine
        self._triton = triton
        self._batches = model.max_batch_size > 0
        self._input_names = [spec.name for spec in model.inputs]
        self._outputs = {spec.name: spec for spec in model.outputs}
        self._all_outputs = list(self._outputs)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response for each request, in order."""
        if len(requests) > 1 and self._batches:
            # One request may be guilty of a failure: run alone, only that one gets the error.
            with contextlib.suppress(Exception):
                return self._run_joined(requests)
        return [self._answer(request, is_alone=len(requests) == 1) for request in requests]

    def _run_joined(self, requests: Sequence[Any]) -> list[Any]:
        rows = [self._inputs(request) for request in requests]
        sizes = [_batch_size(row) for row in rows]
        wanted = [self._wanted(request) for request in requests]
        joined = [self._join(column) for column in zip(*rows, strict=True)]
        outputs = self._run(joined, list(dict.fromkeys(chain(*wanted))), sum(sizes))
        responses, start = [], 0
        for names, size in zip(wanted, sizes, strict=True):
            responses.append(self._respond(outputs, names, slice(start, start + size)))
            start += size
        return responses

    def _answer(self, request: Any, *, is_alone: bool) -> Any:
        try:
            inputs, wanted = self._inputs(request), self._wanted(request)
            outputs = self._run(inputs, wanted, _batch_size(inputs) if self._batches else None)
            if not is_alone:
                # The next request's run may write into the same memory before Triton reads it.
                outputs = {name: self._engine.copy(outputs[name]) for name in wanted}
            return self._respond(outputs, wanted, None)
        except Exception as problem:
            error = self._triton.TritonError(one_line_reason(problem))
            return self._triton.InferenceResponse(error=error)

    def _inputs(self, request: Any) -> list[Array | None]:
        tensors = request.inputs()
        if len(self._input_names) == 1 and tensors:
            return [self._engine.read(tensors[0])]
        given = {tensor.name(): tensor for tensor in tensors}
        return [
            self._engine.read(given[name]) if name in given else None for name in self._input_names
        ]

    def _wanted(self, request: Any) -> list[str]:
        if len(self._all_outputs) == 1:
            return self._all_outputs
        return list(request.requested_output_names())

    def _join(self, column: Sequence[Array | None]) -> Array | None:
        if all(array is None for array in column):
            return None
        return self._engine.join(column)

    def _run(
        self, inputs: Sequence[Array | None], wanted: Sequence[str], rows: int | None
    ) -> dict[str, Array]:
        outputs = self._engine.run(inputs, wanted)
        for name in wanted:
            self._check(self._outputs[name], outputs[name], rows)
        return outputs

    def _check(self, spec: TensorSpec, array: Array, rows: int | None) -> None:
        dtype = self._engine.dtype_of(spec.name, array)
        if dtype != spec.dtype:
            raise BackendError(
                f"output '{spec.name}' is {dtype}, and the configuration says {spec.dtype}; "
                "correct data_type in config.pbtxt or export the model again."
            )
        expected = spec.dims if rows is None else (rows, *spec.dims)
        if not _fits(tuple(array.shape), expected):
            raise BackendError(
                f"output '{spec.name}' has shape {list(array.shape)}, and the configuration says "
                f"{list(expected)}{'' if rows is None else ' (batch first)'}; correct dims or "
                "max_batch_size in config.pbtxt or export the model again."
            )

    def _respond(self, outputs: dict[str, Array], wanted: Sequence[str], rows: slice | None) -> Any:
        write = self._engine.write
        return self._triton.InferenceResponse(
            [write(name, outputs[name] if rows is None else outputs[name][rows]) for name in wanted]
        )


def _batch_size(inputs: Sequence[Array | None]) -> int:
    size: int = next(array.shape[0] for array in inputs if array is not None)
    return size


def _fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    if len(shape) != len(expected):
        return False
    return all(want in (-1, have) for have, want in zip(shape, expected, strict=True))
