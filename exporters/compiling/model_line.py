"""Finds the line of the author's model that a compiler of torch stumbled over."""

import linecache
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import sympy
import torch

# Below these frames runs the model. Models of the zoo lie deeper.
_ROOT = Path(__file__).parents[1]
_OURS = {_ROOT, *(_ROOT / name for name in ("capturing", "compiling", "declaring", "formats"))}
# What runs between the model's line and the complaint about it.
_LIBRARIES = tuple(f"{Path(file).parent}/" for file in (torch.__file__, sympy.__file__))
_STANDARD_LIBRARY = f"{sysconfig.get_paths()['stdlib']}/"


class ModelLine(NamedTuple):
    """One line of somebody's Python."""

    file: str
    line: int

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"`{code}` ({self.file}, line {self.line})"


def line_of_call() -> ModelLine | None:
    """The innermost line of the model that is running now, if any is."""
    return _innermost(traceback.walk_stack(sys._getframe(1)))


def line_of_error(error: BaseException) -> ModelLine | None:
    """The innermost line of the model that an exception came through, if any."""
    while error.__cause__ is not None:
        error = error.__cause__
    return _innermost(reversed(list(traceback.walk_tb(error.__traceback__))))


def _innermost(calls: Iterable[tuple[FrameType, int]]) -> ModelLine | None:
    for frame, line in calls:
        file = frame.f_code.co_filename
        if Path(file).parent in _OURS and not file.endswith(_LISTENERS):
            return None
        if not _is_library(file):
            return ModelLine(file, line)
    return None


def _is_library(file: str) -> bool:
    if file.startswith("<") or file.startswith(_LIBRARIES) or file.endswith(_LISTENERS):
        return True
    return file.startswith(_STANDARD_LIBRARY) and "site-packages" not in file


# They run inside of torch, and so inside of the model.
_LISTENERS = ("exporters/compiling/shape_guards.py", "exporters/compiling/tracing.py")
