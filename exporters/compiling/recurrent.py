"""Keeps LSTM and GRU layers whole while torch.export captures them for ONNX, which has both."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey
from torch._decomp import decomposition_table

_KEYS = (DispatchKey.CompositeImplicitAutograd, DispatchKey.Autograd, DispatchKey.Meta)


@contextmanager
def recurrent_layers_whole() -> Iterator[None]:
    """Torch would unroll them into their steps, which fixes the number of steps.

    While this holds, they answer captures with the shapes of their outputs only.
    """
    shapes: dict[Any, Callable[..., Any]] = {
        torch.ops.aten.lstm.input: _lstm_shapes,
        torch.ops.aten.gru.input: _gru_shapes,
    }
    kernels = {operation: dict(operation.py_kernels) for operation in shapes}
    table: dict[Any, Callable[..., Any]] = decomposition_table
    decompositions = {operation: table[operation] for operation in shapes}
    try:
        for operation, kernel in shapes.items():
            _replace(operation, dict.fromkeys(_KEYS, kernel))
        table.update(shapes)
        yield
    finally:
        for operation, kept in kernels.items():
            _replace(operation, kept)
        table.update(decompositions)


def _replace(operation: Any, kernels: dict[DispatchKey, Callable[..., Any]]) -> None:
    operation.py_kernels.clear()
    operation.py_kernels.update(kernels)
    operation._dispatch_cache.clear()


def _lstm_shapes(
    steps: Tensor, hx: Sequence[Tensor], params: Sequence[Tensor], *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    hidden, cell = hx
    return _outputs(steps, hidden, *rest), torch.empty_like(hidden), torch.empty_like(cell)


def _gru_shapes(
    steps: Tensor, hx: Tensor, params: Sequence[Tensor], *rest: Any
) -> tuple[Tensor, Tensor]:
    return _outputs(steps, hx, *rest), torch.empty_like(hx)


def _outputs(
    steps: Tensor,
    hidden: Tensor,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Tensor:
    directions = 2 if bidirectional else 1
    return steps.new_empty(*steps.shape[:2], directions * hidden.shape[2])
