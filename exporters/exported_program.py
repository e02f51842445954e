"""Captures a module through torch.export, with one named batch dimension for all its inputs."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from exporters.errors import CompileError
from exporters.spec import ModelSpec

# How torch.export points at the line of the model that it cannot take.
MODEL_LINE = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+), in .+\n\s*(?P<code>.+)')
SPECIALISED = re.compile(r"specialized it to be a constant \((?P<size>\d+)\)")


def exported_program(
    module: nn.Module, spec: ModelSpec, example: tuple[Tensor, ...]
) -> ExportedProgram:
    """Raises a `CompileError` that names the line of the model, where torch knows it."""
    try:
        with _quiet_on_failure():
            return torch.export.export(
                module, example, dynamic_shapes=dynamic_shapes(spec), strict=False
            )
    except RuntimeError as error:
        raise CompileError(f"'{spec.name}' cannot be captured: {_reason(str(error))}") from error


def dynamic_shapes(spec: ModelSpec) -> tuple[dict[int, Dim], ...] | None:
    if not spec.batches:
        return None
    # Named and shared by all inputs: `Dim.AUTO` would silently fix the batch instead of failing.
    batch = Dim("batch", min=1, max=max(2, spec.max_batch_size))
    return tuple({0: batch} for _ in spec.inputs)


def _reason(text: str) -> str:
    if specialised := SPECIALISED.search(text):
        return (
            f"it works for a batch of {specialised['size']} only. Let `forward` take the batch "
            "from its input's shape, without int(), or set max_batch_size=0."
        )
    first_line = text.strip().partition("\n")[0]
    if found := MODEL_LINE.search(text):
        return (
            f"{first_line} It comes from `{found['code'].strip()}` ({found['file']}, line "
            f"{found['line']}). Write that line without a decision on values (torch.where), or try "
            "another format."
        )
    return f"{first_line} Try another format."


@contextmanager
def _quiet_on_failure() -> Iterator[None]:
    """Torch prints the graph that it could not finish; the error says more in one line."""
    logger = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
