"""Every model in every format, through the whole export: `python -m tests.exporters.export_table`.

Prints a markdown table. A cell holds the largest error against the eager model over all batches and
lengths, the size, and the time of a run at the largest batch; or why the model is refused.
"""

import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from exporters.candidate import Wanted
from exporters.errors import ExportError
from exporters.flow import export
from exporters.manifest import Manifest
from exporters.spec import ModelSpec
from exporters.zoo import ZOO
from tests.exporters.format_models import MODELS

COLUMNS = {
    "torchscript": Wanted(format="torchscript"),
    "torchscript, script": Wanted(format="torchscript"),
    "aoti": Wanted(format="aoti"),
    "onnx": Wanted(format="onnx"),
    "onnx int8": Wanted(format="onnx", precision="int8"),
    "tensorrt-rtx fp32": Wanted(format="tensorrt", flavor="rtx"),
    "tensorrt-rtx fp16": Wanted(format="tensorrt", flavor="rtx", precision="fp16"),
}


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    models = {**{name: entry.spec() for name, entry in ZOO.items()}, **MODELS}
    print("| model |", " | ".join(COLUMNS), "|")
    print("|---" * (len(COLUMNS) + 1) + "|", flush=True)
    notes: list[str] = []
    for name in names or models:
        print(f"| {name} |", " | ".join(_row(models[name], notes)), "|", flush=True)
    for number, note in enumerate(notes, 1):
        print(f"\n{number}. {note}")


def _row(spec: ModelSpec, notes: list[str]) -> Iterator[str]:
    for column, wanted in COLUMNS.items():
        way = "script" if "script," in column else "trace"
        try:
            yield _cell(spec.model_copy(update={"torchscript": way}), wanted)
        except ExportError as error:
            notes.append(f"{spec.name}, {column}: {error}")
            yield f"refused [{len(notes)}]"


def _cell(spec: ModelSpec, wanted: Wanted) -> str:
    with tempfile.TemporaryDirectory() as directory:
        manifest = export(spec, wanted, repository=Path(directory) / "models").manifest
    size = f"{manifest.size_bytes / 1000:,.0f} kB"
    if manifest.worst_error is None:
        return f"built, {manifest.precision}, {size}"
    return f"{manifest.worst_error:.0e}, {size}, {_slowest(manifest):,.0f} µs"


def _slowest(manifest: Manifest) -> float:
    return manifest.latency_us[max(manifest.latency_us, key=int)]


if __name__ == "__main__":
    main(sys.argv[1:])
