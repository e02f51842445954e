"""Asks a Triton server what its models answer and how fast; `deploy/gpu_check.sh` runs it."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.http as triton

from exporters.capturing.capture import Question, capture
from exporters.capturing.samples import RANDOM_SEEDS, Randoms, read_samples
from exporters.manifest import Manifest, read_manifest
from exporters.proving.precision import accepted
from exporters.spec import ModelSpec
from exporters.zoo import ZOO

READY_TIMEOUT_S = 180
TIMED_BATCHES = (1, 8, 64)
WARM_UP_RUNS = 30
TIMED_RUNS = 300
COLUMNS = (
    "model",
    "format",
    "built",
    "known from",
    "worst error",
    "allowed",
    "us by batch",
    "speed",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    ask = commands.add_parser("ask", help="one JSON line for each model")
    ask.add_argument("address")
    ask.add_argument("repository", type=Path)
    ask.add_argument("models", nargs="+")
    ask.set_defaults(run=lambda args: ask_all(args.address, args.repository, args.models))
    table = commands.add_parser("table", help="the lines as a table")
    table.add_argument("rows", type=Path)
    table.set_defaults(run=lambda args: show(args.rows))
    arguments = parser.parse_args()
    arguments.run(arguments)


def ask_all(address: str, repository: Path, models: list[str]) -> None:
    client = triton.InferenceServerClient(address)
    wait_until_ready(client, models)
    for model in models:
        version = max(
            int(path.name) for path in (repository / model).iterdir() if path.name.isdigit()
        )
        row = ask(client, ZOO[model].spec(), read_manifest(repository / model / str(version)))
        print(json.dumps(row), flush=True)
        if row["worst_error"] > row["allowed"]:
            sys.exit(
                f"{model} is off by {row['worst_error']:.3g}; {row['allowed']:.3g} is allowed."
            )


def wait_until_ready(client: Any, models: list[str]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if all(client.is_model_ready(model) for model in models):
                return
        except OSError:
            pass
        time.sleep(1)
    sys.exit(f"The server was not ready with {', '.join(models)} within {READY_TIMEOUT_S} s.")


def ask(client: Any, spec: ModelSpec, manifest: Manifest) -> dict[str, Any]:
    built = manifest.details.get("precision", {})
    return {
        "model": spec.name,
        "format": manifest.format,
        "precision": manifest.precision,
        "layers": built.get("layers", {}),
        "known_from": built.get("known_from", ""),
        "worst_error": max(errors(client, spec, capture(spec).questions)),
        "allowed": min(accepted(output, manifest.precision).absolute for output in spec.outputs),
        "compute_us": {
            size: compute_us(client, spec, size)
            for size in sorted({min(size, spec.max_batch_size) for size in TIMED_BATCHES})
        },
    }


def errors(client: Any, spec: ModelSpec, questions: tuple[Question, ...]) -> Iterator[float]:
    """Largest difference from the eager model, for every output of every batch."""
    for question in questions:
        answer = infer(client, spec, question.batch.inputs)
        for output in spec.outputs:
            actual = answer.as_numpy(output.name).astype(np.float64)
            yield float(np.abs(actual - question.expected[output.name]).max())


def compute_us(client: Any, spec: ModelSpec, size: int) -> float:
    """Of random inputs of this batch, by `timed_us`."""
    inputs = Randoms(spec, read_samples(spec), RANDOM_SEEDS[0]).inputs(size, {})
    return timed_us(client, spec, size, inputs)


def timed_us(client: Any, spec: ModelSpec, size: int, inputs: Any) -> float:
    """What the server itself counts for the model alone, without network and queue."""
    for _ in range(WARM_UP_RUNS):
        infer(client, spec, inputs)
    before = computed(client, spec.name, size)
    for _ in range(TIMED_RUNS):
        infer(client, spec, inputs)
    after = computed(client, spec.name, size)
    return (after[1] - before[1]) / (after[0] - before[0]) / 1000


def computed(client: Any, model: str, size: int) -> tuple[int, int]:
    """How often a batch of this size ran, and for how many nanoseconds in all."""
    (statistics,) = client.get_inference_statistics(model)["model_stats"]
    for batch in statistics["batch_stats"]:
        if int(batch["batch_size"]) == size:
            spent = batch["compute_infer"]
            return int(spent["count"]), int(spent["ns"])
    return 0, 0


def infer(client: Any, spec: ModelSpec, inputs: Any) -> Any:
    given = []
    for tensor in spec.inputs:
        datatype = tensor.triton_type.removeprefix("TYPE_")
        given.append(triton.InferInput(tensor.name, inputs[tensor.name].shape, datatype))
        given[-1].set_data_from_numpy(inputs[tensor.name])
    return client.infer(spec.name, given)


def show(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [COLUMNS, *(cells(row, rows) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def cells(row: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[str, ...]:
    layers = ", ".join(f"{count} {name}" for name, count in row["layers"].items())
    base = next(r for r in rows if (r["model"], r["format"]) == (row["model"], "torchscript"))
    times = row["compute_us"]
    ratios = (base["compute_us"][size] / times[size] for size in times)
    return (
        row["model"],
        f"{row['format']} {row['precision']}",
        layers,
        row["known_from"],
        f"{row['worst_error']:.2e}",
        f"{row['allowed']:.0e}",
        ", ".join(f"{size}: {value:.0f}" for size, value in times.items()),
        ", ".join(f"{ratio:.1f}x" for ratio in ratios),
    )


if __name__ == "__main__":
    main()
