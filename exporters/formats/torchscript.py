"""TorchScript: the module traced or scripted, and frozen, for Triton's PyTorch backend."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import torch

from exporters.arrays import Runner
from exporters.capturing.calling import call
from exporters.capturing.unpacked import Unpacked
from exporters.compiling.any_device import exact_convolutions, follow_input
from exporters.compiling.model_line import line_of_error
from exporters.compiling.quiet import quiet
from exporters.compiling.tracing import Leaks
from exporters.errors import CompileError, HostError
from exporters.formats import Compiled, Source
from exporters.spec import Interface

BACKEND = "pytorch"
PLATFORM = "pytorch_libtorch"
FILENAME = "model.pt"
PRECISIONS = ("fp32",)
ORDINAL_NAMES = False
VARIES = "torch numbers the classes in the file by how many its process has captured before"

# How the script compiler shows a line: the function's first line by number, a mark under the line.
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
_MARK = "<--- HERE"


def check_host(flavor: str) -> None:
    """Every host with the export extra will do."""


def compile(source: Source, path: Path) -> Compiled:
    with quiet():
        captured, details = _CAPTURES[source.spec.torchscript](source)
        # Not torch.jit.optimize_for_inference: on a CPU it turns convolutions into oneDNN's, whose
        # weights are neither written to the file nor known to a GPU.
        frozen = torch.jit.freeze(captured)
        if source.spec.torchscript == "trace":
            follow_input(frozen)
        torch.jit.save(frozen, path)
    return Compiled(source.precision, details)


def load(path: Path, interface: Interface) -> Runner:
    with quiet():
        try:
            artefact = torch.jit.load(path)
        except RuntimeError as error:
            raise HostError(
                f"torch {torch.__version__} cannot read {path.name}: {_reason(error)} Load it with "
                "the version of torch that wrote it, or newer."
            ) from error
    return partial(call, artefact, interface)


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


def _trace(source: Source) -> tuple[Any, dict[str, Any]]:
    leaks = Leaks(source.spec.name)
    try:
        with leaks, exact_convolutions():
            # The proof compares the file with the module at more sizes than check_trace would.
            traced = torch.jit.trace(source.module, source.example, check_trace=False)
    except CompileError:
        raise
    except Exception as error:  # whatever the author's code raises
        where = f" It comes from {line}." if (line := line_of_error(error)) else ""
        raise CompileError(
            f"'{source.spec.name}' cannot be traced: {_reason(error)}{where} Make `forward` a "
            "plain function of its tensors, or try another format."
        ) from error
    return traced, {"capture": "trace", "decided_by_sizes": [str(line) for line in leaks.on_sizes]}


def _script(source: Source) -> tuple[Any, dict[str, Any]]:
    if isinstance(source.module, Unpacked):
        raise CompileError(
            f"'{source.spec.name}' returns its outputs by name, and a script returns them to "
            "Triton by place only. Let `forward` return a tuple in the declared order, or leave "
            '`torchscript` at "trace".'
        )
    try:
        scripted = torch.jit.script(source.module)
    except Exception as error:  # its parser and its compiler have exceptions of their own
        raise CompileError(
            f"'{source.spec.name}' cannot be scripted: {_reason(error)}{_marked_line(error)} Most "
            'models are traced; leave `torchscript` at "trace", or mend that line.'
        ) from error
    return scripted, {"capture": "script"}


_CAPTURES = {"trace": _trace, "script": _script}


def _reason(error: Exception) -> str:
    """The first line that says something, as one sentence."""
    return f"{str(error).strip().partition(chr(10))[0].rstrip('.:')}."


def _marked_line(error: Exception) -> str:
    """The line of the model that the script compiler put its mark under, if it marked one."""
    text = str(error)
    if not (place := _PLACE.search(text)):
        return ""
    lines = text[: text.find(_MARK)].splitlines() if _MARK in text else []
    code = f"`{lines[-2].strip()}` in the function at " if len(lines) > 1 else ""
    return f" It comes from {code}{place['file']}, line {place['line']}."
