"""TorchScript: the module traced and frozen, for Triton's PyTorch backend."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from exporters.arrays import Runner
from exporters.calling import call
from exporters.errors import CompileError
from exporters.formats import Compiled, Source
from exporters.spec import Interface

BACKEND = "pytorch"
PLATFORM = "pytorch_libtorch"
FILENAME = "model.pt"
PRECISIONS = ("fp32",)
ORDINAL_NAMES = False
VARIES = ""


def check_host(flavor: str) -> None:
    """Every host with the export extra will do."""


def compile(source: Source, path: Path) -> Compiled:
    module, spec, example = source.module, source.spec, source.example
    with _deprecation_known():
        try:
            frozen = torch.jit.freeze(
                torch.jit.trace(module, example)  # type: ignore[no-untyped-call]
            )
        except RuntimeError as error:
            raise CompileError(
                f"'{spec.name}' cannot be traced: {_first_line(error)} Make `forward` a plain "
                "function of its tensors, or try another format."
            ) from error
        torch.jit.save(frozen, path)
    return Compiled(source.precision)


def load(path: Path, interface: Interface) -> Runner:
    with _deprecation_known():
        artefact = torch.jit.load(path)  # type: ignore[no-untyped-call]

    return partial(call, artefact, interface)


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


@contextmanager
def _deprecation_known() -> Iterator[None]:
    """Torch deprecates TorchScript; whoever chose this format chose it for older servers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.", category=DeprecationWarning)
        yield


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
