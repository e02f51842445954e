"""Reads a program that torch.export.save wrote: its signature and the sizes it holds for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import TensorArgument

from exporters.artefacts.found import Draft, Found
from exporters.declaring.arguments import arguments, take_arguments
from exporters.errors import SpecError
from exporters.tensors import TRITON_TYPES

_NO_BOUND = 2**31


def program_module(path: Path) -> nn.Module:
    """The eager program, as a module that every format compiles."""

    class Program(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.program = load(path).module()

        def forward(self, *inputs: Tensor) -> Any:
            return self.program(*inputs)

        def train(self, mode: bool = True) -> Program:
            """It stays as it was captured, and torch refuses to be asked for another mode."""
            for part in self.modules():
                part.training = False
            return self

    module = Program()
    take_arguments(Program, arguments(module.program))
    return module


def load(path: Path) -> ExportedProgram:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated", FutureWarning)
        try:
            return torch.export.load(path)
        except Exception as error:  # its reader has no exceptions of its own
            first = str(error).strip().partition("\n")[0]
            raise SpecError(
                f"PyTorch {torch.__version__} cannot read {path}: {first} Load it with the version "
                "that saved it, and save it with this one."
            ) from error


def read(path: Path) -> Found:
    program = load(path)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    for argument in (*_arguments(program, "input"), *_arguments(program, "output")):
        if not isinstance(argument, TensorArgument):
            raise SpecError(
                f"{path} takes or returns {getattr(argument, 'name', argument)!r}, which is no "
                "tensor; only tensors can be served. Export a module that takes and returns those."
            )
    if program.call_spec.in_spec is not None and program.call_spec.in_spec.children()[1].num_leaves:
        raise SpecError(
            f"{path} takes arguments by name, and Triton passes them by position. Export it with "
            "all inputs in `args`."
        )
    inputs = [a.name for a in _arguments(program, "input")]
    outputs = [a.name for a in _arguments(program, "output")]
    names = _output_names(program, len(outputs))
    return Found(
        path=path,
        format="exported_program",
        inputs=tuple(_draft(path, name, values[name]) for name in inputs),
        outputs=tuple(
            _draft(path, name, values[inner]) for name, inner in zip(names, outputs, strict=True)
        ),
        bounds=_bounds(program),
        said="exported program",
    )


def _arguments(program: ExportedProgram, side: str) -> list[Any]:
    signature = program.graph_signature
    specs = signature.input_specs if side == "input" else signature.output_specs
    return [spec.arg for spec in specs if spec.kind.name == f"USER_{side.upper()}"]


def _draft(path: Path, name: str, value: Any) -> Draft:
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in TRITON_TYPES:
        raise SpecError(
            f"{path} has '{name}' as {dtype}, which is not served; convert it in `forward` to one "
            f"of {', '.join(TRITON_TYPES)}, and export it again."
        )
    sizes = (size if isinstance(size, int) else str(size) for size in value.shape)
    return Draft(name, dtype, tuple(sizes))


def _output_names(program: ExportedProgram, count: int) -> list[str]:
    spec = program.call_spec.out_spec
    if spec is not None and spec.type is dict:
        return [str(key) for key in spec.context]
    if spec is not None and issubclass(spec.type or object, Mapping):
        raise SpecError(
            f"The program returns {spec.type.__name__}; export one that returns a dict."
        )
    return ["output"] if count == 1 else [f"output_{place}" for place in range(count)]


def _bounds(program: ExportedProgram) -> dict[str, tuple[int, int]]:
    return {
        str(symbol): (max(int(value.lower), 1), int(value.upper))
        for symbol, value in program.range_constraints.items()
        if value.upper.is_integer and value.upper < _NO_BOUND
    }
