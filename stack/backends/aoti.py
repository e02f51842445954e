"""Runs an AOTInductor package: tensor names follow the package's own call specification."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils._pytree import TreeSpec, treespec_loads

from stack.backends.config import BackendError, ServedModel
from stack.backends.naming import positions


class AotiProgram:
    """A loaded `model.pt2`, called with its flat list of tensors."""

    def __init__(self, model: ServedModel, device: torch.device) -> None:
        self._loader = _load(model, device)
        in_spec, out_spec = (treespec_loads(text) for text in self._loader.get_call_spec())
        args, kwargs = in_spec.children()
        leaves = [*_leaf_paths(args, "ARGS"), *_leaf_paths(kwargs, "KWARGS")]
        names = [spec.name for spec in model.inputs]
        self._input_places = positions(names, known=leaves)
        if len(names) < len(leaves):
            raise BackendError(
                f"the package takes {len(leaves)} tensors ({', '.join(leaves)}), and the "
                f"configuration has {len(names)}; name each of them in config.pbtxt."
            )
        self._output_names = [spec.name for spec in model.outputs]
        self._output_places = positions(
            self._output_names, known=list(_leaf_paths(out_spec, "RESULT"))
        )

    def run(self, inputs: Sequence[Any], wanted: Sequence[str]) -> dict[str, Any]:
        """Every output by its configured name; a package computes them all, asked for or not."""
        flat: list[Any] = [None] * len(inputs)
        for place, tensor in zip(self._input_places, inputs, strict=True):
            flat[place] = tensor
        with torch.inference_mode():
            results = self._loader.boxed_run(flat)
        return {
            name: results[place]
            for name, place in zip(self._output_names, self._output_places, strict=True)
        }


def _load(model: ServedModel, device: torch.device) -> Any:
    # The loader itself, not torch._inductor.aoti_load_package: importing the compiler that
    # comes with that adds seconds to every start and is not needed to run a package.
    index = -1 if device.type == "cpu" else device.index
    try:
        return torch._C._aoti.AOTIModelPackageLoader(str(model.path), "model", False, 1, index)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise BackendError(
            f"{model.path.name} is no AOTInductor package that torch {torch.__version__} reads "
            f"on this machine ({reason}); compile the model again."
        ) from error


def _leaf_paths(spec: TreeSpec, path: str) -> Iterator[str]:
    """`ARGS[0]`, `ARGS[1][mask]`, `RESULT`: the names NVIDIA's backend gives to the tensors."""
    if spec.is_leaf():
        yield path
        return
    keys = spec.context if spec.type is dict else range(spec.num_children)
    for key, child in zip(keys, spec.children(), strict=True):
        yield from _leaf_paths(child, f"{path}[{key}]")
