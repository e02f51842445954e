"""Finds the TensorRT that a flavor names, or says before any work what is missing here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from exporters.errors import HostError
from exporters.tensorrt_parts.cuda import require_gpu

# Flavor to the Python package that builds it.
PACKAGES = {"tensorrt": "tensorrt", "rtx": "tensorrt_rtx"}
OLDEST = (10, 12)
NEWEST_MAJOR = 11


@dataclass(frozen=True)
class Bindings:
    """One TensorRT, loaded."""

    flavor: str
    trt: Any
    """The module: NVIDIA ships it without type information."""

    @property
    def version(self) -> str:
        """Four parts, all of which an engine is tied to."""
        return str(self.trt.__version__)


def load_bindings(flavor: str) -> Bindings:
    """Raises a `HostError` if this machine cannot build for the flavor; no GPU is needed for rtx.

    TensorRT's own answer without a driver is `factory function returned nullptr`, so the driver
    is asked first.
    """
    if flavor == "tensorrt":
        require_gpu(
            "TensorRT builds an engine on the very kind of GPU that will run it",
            instead="build with `--flavor rtx`, which needs no GPU",
        )
    return import_bindings(flavor)


def import_bindings(flavor: str) -> Bindings:
    """The bindings alone, for reading versions and running engines."""
    if flavor not in PACKAGES:
        raise HostError(
            f"There is no TensorRT flavor '{flavor}'; choose one of {', '.join(PACKAGES)}."
        )
    try:
        trt = importlib.import_module(PACKAGES[flavor])
    except ImportError as error:
        raise HostError(_missing(flavor, error)) from error
    bindings = Bindings(flavor, trt)
    check_version(bindings)
    return bindings


def installed() -> list[Bindings]:
    """Every TensorRT that can be imported here."""
    found = []
    for flavor in PACKAGES:
        try:
            found.append(import_bindings(flavor))
        except HostError:
            continue
    return found


def check_version(bindings: Bindings) -> None:
    """RTX counts its versions by itself, and has been strongly typed from the first."""
    if bindings.flavor == "rtx":
        return
    major, minor = (int(part) for part in bindings.version.split(".")[:2])
    if (major, minor) < OLDEST or major > NEWEST_MAJOR:
        raise HostError(
            f"TensorRT {bindings.version} is installed, and engines are built with "
            f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST_MAJOR}.x: older ones do not type a whole network. "
            "Install the version of your server, or build in its container."
        )


def _missing(flavor: str, error: ImportError) -> str:
    if flavor == "rtx":
        return (
            f"'{PACKAGES[flavor]}' cannot be imported ({error}). "
            'Run: pip install "conch[export,rtx]"'
        )
    return (
        f"'{PACKAGES[flavor]}' cannot be imported ({error}). Build inside NVIDIA's container with "
        "the server's own tag (nvcr.io/nvidia/tensorrt:YY.MM-py3), or on a GPU host run: pip "
        'install "conch[export,tensorrt]" tensorrt==VERSION, with the server\'s four-part '
        "version. Without a GPU, `--flavor rtx` builds for TensorRT for RTX."
    )
