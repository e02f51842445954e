"""Export formats, one file each: a new file in this folder is a new format, nothing else changes.

A format is a module with the names that `Format` lists.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from exporters.errors import UnknownFormatError
from exporters.extras import extra
from exporters.spec import Interface, ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from exporters.arrays import Runner
    from exporters.capturing.samples import Item


@dataclass(frozen=True)
class Source:
    """What a format compiles."""

    module: nn.Module
    """In evaluation mode, on the CPU, as it was trained."""

    spec: ModelSpec
    """Complete: inputs and outputs are known."""

    example: tuple[Tensor, ...]
    """Inputs in declared order, with a batch of two where the model takes batches."""

    samples: Sequence[Item] = ()
    """Real items, for calibration."""

    precision: str = "fp32"
    """One of the format's PRECISIONS."""

    flavor: str = "tensorrt"
    """Of TensorRT: `tensorrt` for Triton on a GPU, `rtx` for TensorRT for RTX."""


@dataclass(frozen=True)
class Compiled:
    """What a compiler has to say about the artefact that it wrote."""

    precision: str
    """As built, read back from the artefact where that is possible."""

    details: Mapping[str, Any] = field(default_factory=dict)
    """JSON for the manifest, for instance the TensorRT version that an engine is tied to."""


class Format(Protocol):
    """What every module in this folder offers."""

    BACKEND: str
    """Triton backend that serves the artefact."""

    PLATFORM: str
    """Triton platform, for NVIDIA's container."""

    FILENAME: str
    """Name of the artefact in its version directory; files it refers to lie beside it."""

    PRECISIONS: tuple[str, ...]
    """Precisions that it compiles to, the default first."""

    ORDINAL_NAMES: bool
    """Whether the backend knows tensors as INPUT__0 and OUTPUT__0 only."""

    VARIES: str
    """Why two compilations of the same model differ in their bytes; empty where they do not."""

    def check_host(self, flavor: str) -> None:
        """Raises a `HostError` that says what is missing here, before any work is done."""

    def compile(self, source: Source, path: Path) -> Compiled:
        """Writes the artefact, or raises a `CompileError`."""

    def load(self, path: Path, interface: Interface) -> Runner:
        """Reads a written artefact back; raises a `HostError` where this host cannot run it."""

    def versions(self) -> dict[str, str]:
        """Versions of what compiled and ran the artefact."""


def format_names() -> list[str]:
    """Names that `load_format` takes."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_format(name: str) -> Format:
    """The format called `name`; its compiler is imported here and not before."""
    if name not in format_names():
        raise UnknownFormatError(
            f"There is no format '{name}'; choose one of {', '.join(format_names())}, or auto."
        )
    with extra("export"):
        return cast(Format, importlib.import_module(f"{__name__}.{name}"))
