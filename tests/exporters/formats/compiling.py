"""Compiles a declared model in one format, without a repository around it."""

from pathlib import Path

from exporters.capturing.capture import capture
from exporters.capturing.samples import read_samples
from exporters.formats import Compiled, Source, load_format
from exporters.spec import ModelSpec


def compile_model(
    spec: ModelSpec, format: str, directory: Path, precision: str = "fp32"
) -> tuple[Compiled, Path]:
    """What the compiler says, and the file that it wrote."""
    captured = capture(spec)
    source = Source(
        captured.module, spec, captured.example, read_samples(spec), precision=precision
    )
    compiler = load_format(format)
    path = directory / compiler.FILENAME
    return compiler.compile(source, path), path
