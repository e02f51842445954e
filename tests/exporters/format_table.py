"""Every model in every format: compiled, loaded and compared with the eager model.

Prints a markdown table: `python -m tests.exporters.format_table [MODEL ...]`. A cell holds the
largest difference from the eager model over all batches and lengths, or why the model is refused.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from exporters.capturing.capture import Captured, capture
from exporters.capturing.samples import read_samples
from exporters.errors import ExportError
from exporters.formats import Source, load_format
from exporters.proving.precision import accepted
from exporters.spec import ModelSpec
from exporters.zoo import ZOO
from tests.exporters.format_models import MODELS

COLUMNS = {
    "torchscript": ("torchscript", "trace", "fp32"),
    "torchscript, script": ("torchscript", "script", "fp32"),
    "aoti": ("aoti", "trace", "fp32"),
    "onnx": ("onnx", "trace", "fp32"),
    "onnx int8": ("onnx", "trace", "int8"),
}


def cell(spec: ModelSpec, captured: Captured, column: str) -> str:
    """The largest error and what it took, or the refusal."""
    name, way, precision = COLUMNS[column]
    format = load_format(name)
    spec = spec.model_copy(update={"torchscript": way})
    source = Source(
        captured.module, spec, captured.example, read_samples(spec), precision=precision
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / format.FILENAME
        started = time.perf_counter()
        compiled = format.compile(source, path)
        seconds = time.perf_counter() - started
        runner = format.load(path, spec.interface)
        worst = largest_error(spec, captured, runner, compiled.precision)
        return f"{worst:.0e}, {path.stat().st_size / 1000:,.0f} kB, {seconds:.0f} s"


def largest_error(spec: ModelSpec, captured: Captured, runner, precision: str) -> float:
    """Over all outputs of all batches; raises an `AssertionError` past a tolerance."""
    worst = 0.0
    for question in captured.questions:
        answer = runner(question.batch.inputs)
        for output in spec.outputs:
            expected, actual = question.expected[output.name], answer[output.name]
            assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype), output.name
            error = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
            limit = accepted(output, precision)
            if (error > limit.absolute + limit.relative * np.abs(expected)).any():
                raise AssertionError(
                    f"'{output.name}' is off by {error.max():.2g} at {question.batch}"
                )
            worst = max(worst, float(error.max(initial=0.0)))
    return worst


def table(specs: list[ModelSpec]) -> Iterator[str]:
    yield "| model | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    reasons: list[str] = []
    for spec in specs:
        captured = capture(spec)
        cells = []
        for column in COLUMNS:
            try:
                cells.append(cell(spec, captured, column))
            except (ExportError, AssertionError) as error:
                reasons.append(str(error))
                cells.append(f"refused [{len(reasons)}]")
        yield f"| {spec.name} ({len(captured.questions)} batches) | " + " | ".join(cells) + " |"
    yield from (f"\n[{number}] {reason}" for number, reason in enumerate(reasons, start=1))


def main() -> None:
    warnings.simplefilter("ignore")
    specs = {**{name: entry.spec() for name, entry in ZOO.items()}, **MODELS}
    for line in table([specs[name] for name in sys.argv[1:] or specs]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
