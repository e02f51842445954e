"""Runs a TorchScript file: inputs by forward() argument, outputs by position or key."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from stack.backends.config import BackendError, ServedModel, TensorSpec
from stack.backends.naming import positions
from stack.backends.reasons import one_line_reason


class TorchScriptProgram:
    """A loaded `model.pt`, called with the inputs of the configuration."""

    def __init__(self, model: ServedModel, device: torch.device) -> None:
        self._module = _load(model, device)
        self._outputs = model.outputs
        self._batches = model.max_batch_size > 0
        self._places: list[int] | None = None
        schema = self._module.forward.schema
        self._returns_text = str(schema.returns[0].type) == "List[str]"
        self._arrange = _arrangement(model.inputs, schema.arguments[1:])

    def run(self, inputs: Sequence[Any], wanted: Sequence[str]) -> dict[str, Any]:
        """Every output by its configured name; a script computes them all, asked for or not."""
        with torch.inference_mode():
            result = self._module(*self._arrange(inputs))
        if isinstance(result, dict):
            return self._from_dict(result)
        alone = self._returns_text or isinstance(result, torch.Tensor)
        results = [result] if alone else list(result)
        if self._places is None:
            names = [spec.name for spec in self._outputs]
            self._places = positions(names, known=(), count=len(results))
        return {
            spec.name: self._output(results[place], spec)
            for spec, place in zip(self._outputs, self._places, strict=True)
        }

    def _from_dict(self, result: dict[str, Any]) -> dict[str, Any]:
        missing = [spec.name for spec in self._outputs if spec.name not in result]
        if missing:
            raise BackendError(
                f"the model returns the keys {', '.join(result)}, and the configuration names the "
                f"output {missing[0]}; name the outputs after the keys."
            )
        return {spec.name: self._output(result[spec.name], spec) for spec in self._outputs}

    def _output(self, value: Any, spec: TensorSpec) -> Any:
        if isinstance(value, torch.Tensor):
            return value
        if spec.dtype == "STRING" and isinstance(value, list):
            return _text_array(value, spec, batches=self._batches)
        raise BackendError(
            f"output '{spec.name}' is a {type(value).__name__}; only tensors and List[str] can be "
            "served, so return those from forward()."
        )


def _load(model: ServedModel, device: torch.device) -> Any:
    try:
        module = torch.jit.load(str(model.path), map_location=device)
    except RuntimeError as error:
        raise BackendError(
            f"{model.path.name} is no TorchScript file that torch {torch.__version__} reads "
            f"({one_line_reason(error)}); export the model again."
        ) from error
    return module.eval()


def _arrangement(
    specs: Sequence[TensorSpec], arguments: Sequence[Any]
) -> Callable[[Sequence[Any]], Sequence[Any]]:
    names = [spec.name for spec in specs]
    if len(arguments) == 1 and arguments[0].type.kind() == "DictType":
        return lambda inputs: ({n: a for n, a in zip(names, inputs, strict=True) if a is not None},)
    places = positions(names, known=[argument.name for argument in arguments])
    if places == list(range(len(places))) and not any(spec.dtype == "STRING" for spec in specs):
        return lambda inputs: inputs

    def arrange(inputs: Sequence[Any]) -> Sequence[Any]:
        placed: list[Any] = [None] * (max(places) + 1)
        for place, value in zip(places, inputs, strict=True):
            placed[place] = _text(value) if isinstance(value, np.ndarray) else value
        return placed

    return arrange


def _text(array: Any) -> list[str]:
    """TorchScript's only text is List[str]: the elements in order, whatever the shape."""
    return [element.decode("utf-8") for element in array.ravel()]


def _text_array(texts: list[str], spec: TensorSpec, *, batches: bool) -> Any:
    encoded = np.array([text.encode() for text in texts], dtype=np.object_)
    return encoded.reshape(-1, *spec.dims) if batches else encoded
