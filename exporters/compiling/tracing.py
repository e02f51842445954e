"""Watches a trace for values that leak into Python, where the trace would freeze them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from exporters.compiling.model_line import ModelLine, line_of_call
from exporters.errors import CompileError

_LEAKS = {
    "__array__": "numpy()",
    "__bool__": "a decision",
    "__complex__": "complex()",
    "__contains__": "a decision",
    "__float__": "float()",
    "__index__": "an index",
    "__int__": "int()",
    "allclose": "allclose()",
    "equal": "equal()",
    "is_nonzero": "a decision",
    "item": "item()",
    "numpy": "numpy()",
    "tolist": "tolist()",
}


class Leaks(TorchFunctionMode):
    """Refuses what depends on values; remembers in `on_sizes` what depends on sizes alone.

    A trace holds for every input only where Python decides nothing by the input's values. What it
    decides by sizes, asserts for the most part, is for the proof at other sizes to judge.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self.on_sizes: dict[ModelLine, None] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if not torch._C._is_tracing():
            return func(*args, **(kwargs or {}))
        if getattr(func, "__self__", None) is Tensor.data:
            # The same values, but a trace does not know where those of `data` come from.
            return args[0].detach()
        if kind := _LEAKS.get(getattr(func, "__name__", "")):
            for tensor in (arg for arg in args if isinstance(arg, Tensor)):
                self._judge(kind, tensor)
        return func(*args, **(kwargs or {}))

    def _judge(self, kind: str, tensor: Tensor) -> None:
        line = line_of_call()
        origins = _origins(_value_of(tensor))
        if "prim::Param" in origins:
            where = f" in {line}" if line else ""
            raise CompileError(
                f"'{self._model}' cannot be traced: {kind} on the values of a tensor{where} would "
                "be frozen as it came out for the example. Write that line with tensors only "
                '(torch.where instead of `if`), or set torchscript="script".'
            )
        if line and "aten::size" in origins:
            self.on_sizes[line] = None


def _value_of(tensor: Tensor) -> Any:
    # One of torch's own functions for tracing, which its stubs leave out.
    return vars(torch._C)["_get_value_trace"](tensor)


def _origins(value: Any) -> set[str]:
    """Kinds of the nodes that a value comes from, not looking further than the size of a tensor."""
    seen: set[str] = set()
    kinds: set[str] = set()
    waiting = [value]
    while waiting:
        current = waiting.pop()
        name, node = current.debugName(), current.node()
        if name in seen:
            continue
        seen.add(name)
        kinds.add(node.kind())
        if node.kind() != "aten::size":
            waiting.extend(node.inputs())
    return kinds
