"""Export formats, one file each: a new file in this folder is a new format, nothing else changes.

A format is a module with the names that `Format` lists.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from exporters.errors import UnknownFormatError
from exporters.extras import extra
from exporters.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from exporters.arrays import Runner


class Format(Protocol):
    """What every module in this folder offers."""

    BACKEND: str
    """Triton backend that serves the artefact."""

    PLATFORM: str
    """Triton platform, for NVIDIA's container."""

    FILENAME: str
    """Name of the artefact in its version directory."""

    PRECISION: str
    """Precision that the artefact computes in."""

    def compile(
        self, module: nn.Module, spec: ModelSpec, example: tuple[Tensor, ...], path: Path
    ) -> None:
        """Writes the artefact; `example` has a batch of two where the model takes batches."""

    def load(self, path: Path, spec: ModelSpec) -> Runner:
        """Reads a written artefact back."""

    def versions(self) -> dict[str, str]:
        """Versions of what compiled and ran the artefact."""


def format_names() -> list[str]:
    """Names that `load_format` takes."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_format(name: str) -> Format:
    """The format called `name`; its compiler is imported here and not before."""
    if name not in format_names():
        raise UnknownFormatError(
            f"There is no format '{name}'; choose one of {', '.join(format_names())}."
        )
    with extra("export"):
        return cast(Format, importlib.import_module(f"{__name__}.{name}"))
