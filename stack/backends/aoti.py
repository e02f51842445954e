"""Runs an AOTInductor package: tensor names follow the package's own call specification."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils._pytree import TreeSpec, treespec_loads

from stack.backends.config import BackendError, ServedModel
from stack.backends.naming import positions
from stack.backends.reasons import one_line_reason

# Where the package's own check says which input it refuses, and that two rows are the least.
_HANDLE = re.compile(r"input_handles\[(\d+)\]")
_LEAST_TWO = "dim value is too small at 0, expected it to be >= 2, but got: 1"


class AotiProgram:
    """A loaded `model.pt2`, called with its flat list of tensors."""

    def __init__(self, model: ServedModel, device: torch.device) -> None:
        self._loader = _load(model, device)
        in_spec, out_spec = (treespec_loads(text) for text in self._loader.get_call_spec())
        args, kwargs = in_spec.children()
        leaves = [*_leaf_paths(args, "ARGS"), *_leaf_paths(kwargs, "KWARGS")]
        names = [spec.name for spec in model.inputs]
        self._input_names = names
        self._batches = model.max_batch_size > 0
        self._least_rows = 1
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
        results = self._rows(inputs) if self._batches else self._call(inputs)
        return {
            name: results[place]
            for name, place in zip(self._output_names, self._output_places, strict=True)
        }

    def _rows(self, inputs: Sequence[Any]) -> list[Any]:
        """One row is run twice if the package takes no less than two.

        torch specializes a dimension of one, so whatever the exported program says, its check
        lets a dynamic dimension begin at two.
        """
        if inputs[0].shape[0] > 1:
            return self._call(inputs)
        if self._least_rows == 1:
            try:
                return self._call(inputs)
            except BackendError as error:
                if _LEAST_TWO not in str(error):
                    raise
                self._least_rows = 2
        results = self._call([torch.cat((tensor, tensor)) for tensor in inputs])
        return [result[:1] for result in results]

    def _call(self, inputs: Sequence[Any]) -> list[Any]:
        flat: list[Any] = [None] * len(inputs)
        for place, tensor in zip(self._input_places, inputs, strict=True):
            flat[place] = tensor
        try:
            with torch.inference_mode():
                results: list[Any] = self._loader.boxed_run(flat)
        except RuntimeError as error:
            raise BackendError(self._with_names(one_line_reason(error))) from error
        return results

    def _with_names(self, reason: str) -> str:
        """The package knows its inputs by position only."""
        names = dict(zip(self._input_places, self._input_names, strict=True))
        return _HANDLE.sub(lambda found: f"input '{names[int(found[1])]}'", reason)


def _load(model: ServedModel, device: torch.device) -> Any:
    # Before the package's first run, which reads it once: unchecked, a wrong shape or type gives
    # wrong numbers, or those of memory that is not the request's.
    os.environ.setdefault("AOTI_RUNTIME_CHECK_INPUTS", "1")
    # The loader itself, not torch._inductor.aoti_load_package: importing the compiler that
    # comes with that adds seconds to every start and is not needed to run a package.
    index = -1 if device.type == "cpu" else device.index
    loader: Any = torch._C._aoti.AOTIModelPackageLoader
    try:
        metadata = loader.load_metadata_from_package(str(model.path), "model")
        _check_device(model, metadata, device)
        return loader(str(model.path), "model", False, 1, index)
    except RuntimeError as error:
        raise BackendError(
            f"{model.path.name} is no AOTInductor package that torch {torch.__version__} reads "
            f"on this machine ({one_line_reason(error)}); compile the model again."
        ) from error


def _check_device(model: ServedModel, metadata: Mapping[str, str], device: torch.device) -> None:
    """A package is machine code for one kind of device; run on another, it fails without words."""
    built_for = metadata.get("AOTI_DEVICE_KEY", device.type)
    if built_for != device.type:
        placed, kind = ("a CPU", "KIND_GPU") if device.type == "cpu" else ("a GPU", "KIND_CPU")
        raise BackendError(
            f"{model.path.name} is compiled for {built_for}, and the configuration places an "
            f"instance on {placed}; set kind: {kind} in configs/embedded.pbtxt, or compile the "
            "model for the other device."
        )


def _leaf_paths(spec: TreeSpec, path: str) -> Iterator[str]:
    """`ARGS[0]`, `ARGS[1][mask]`, `RESULT`: the names NVIDIA's backend gives to the tensors."""
    if spec.is_leaf():
        yield path
        return
    keys = spec.context if spec.type is dict else range(spec.num_children)
    for key, child in zip(keys, spec.children(), strict=True):
        yield from _leaf_paths(child, f"{path}[{key}]")
