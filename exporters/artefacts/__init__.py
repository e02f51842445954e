"""Reads finished files: which kind one is, by its content, and what it says about itself."""

from __future__ import annotations

from pathlib import Path

from exporters.artefacts.found import Draft, Found
from exporters.artefacts.kinds import Kind, kind_of
from exporters.extras import extra

__all__ = ["Draft", "Found", "Kind", "kind_of", "read_artefact"]


def read_artefact(path: Path) -> Found:
    """`read_artefact(Path("model.onnx")).inputs`; a `SpecError` for what cannot be served."""
    kind = kind_of(path)
    with extra("export"):
        from exporters.artefacts import aoti, exported_program, onnx, torchscript

    readers = {
        Kind.ONNX: onnx.read,
        Kind.TORCHSCRIPT: torchscript.read,
        Kind.AOTI: aoti.read,
        Kind.EXPORTED_PROGRAM: exported_program.read,
    }
    return readers[kind](path)
