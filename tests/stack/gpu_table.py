"""Every model on this machine's GPU, in the embedded Triton: `python -m tests.stack.gpu_table`.

Prints a markdown table. A cell holds the largest error against the eager model on the CPU over all
batches and lengths, and what Triton counts for a run at the largest batch, on the GPU and on the
CPU. It takes a CUDA build of torch, onnxruntime-gpu and the extra `embedded`.
"""

import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import tritonclient.http as triton

from deploy.gpu_check import infer, timed_us
from exporters.arrays import Arrays
from exporters.candidate import Wanted
from exporters.capturing.capture import Captured, capture
from exporters.capturing.samples import timed_batches
from exporters.describing.describe import EMBEDDED_CONFIG
from exporters.errors import ExportError
from exporters.flow import export
from exporters.proving.prove import compare
from exporters.proving.tolerances import with_tolerances
from exporters.spec import ModelSpec
from exporters.zoo import ZOO
from tests.exporters.format_models import MODELS
from tests.stack.running_triton import RunningTriton, running_triton

COLUMNS = {
    "torchscript": Wanted(format="torchscript"),
    "script": Wanted(format="torchscript"),
    "onnx": Wanted(format="onnx"),
    "int8": Wanted(format="onnx", precision="int8"),
}
KINDS = ("gpu", "cpu")
LOAD_TIMEOUT_S = 300.0


def main(names: list[str]) -> None:
    names = names or [*ZOO, *MODELS]
    with tempfile.TemporaryDirectory() as directory:
        pool = ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=_one_thread)
        with pool:
            jobs = [(name, column) for name in names for column in COLUMNS]
            refusals = dict(
                zip(jobs, pool.map(_export, [directory] * len(jobs), jobs), strict=True)
            )
        print(f"| model | {' | '.join(COLUMNS)} |")
        print("|---" * (len(COLUMNS) + 1) + "|", flush=True)
        for name in names:
            repository = Path(directory) / name
            with running_triton(
                repository, Path(directory) / "state", triton_load_timeout_s=LOAD_TIMEOUT_S
            ) as running:
                cells = _row(running, name, refusals)
                print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _one_thread() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)


def _named(name: str, column: str, kind: str) -> ModelSpec:
    """The model under the name by which this artefact of it is served."""
    spec = ZOO[name].spec() if name in ZOO else MODELS[name]
    way = "script" if column == "script" else "trace"
    return spec.model_copy(update={"name": f"{column}-{kind}", "torchscript": way})


def _export(directory: str, job: tuple[str, str]) -> str:
    """Into a repository of the model's own, for each kind; the reason where it is refused."""
    name, column = job
    repository = Path(directory) / name
    try:
        export(_named(name, column, "cpu"), COLUMNS[column], repository=repository)
    except ExportError as error:
        return str(error)
    shutil.copytree(repository / f"{column}-cpu", repository / f"{column}-gpu")
    config = repository / f"{column}-gpu" / EMBEDDED_CONFIG
    text = config.read_text().replace(f'"{column}-cpu"', f'"{column}-gpu"')
    config.write_text(text.replace("KIND_CPU", "KIND_GPU"))
    return ""


def _row(running: RunningTriton, name: str, refusals: dict[tuple[str, str], str]) -> Iterator[str]:
    client = triton.InferenceServerClient(running.http_address)
    broken = {model.name: model.reason for model in running.report.broken}
    captured = capture(_named(name, "torchscript", "cpu"))
    for column, wanted in COLUMNS.items():
        refused = refusals[name, column] or broken.get(f"{column}-gpu")
        if refused:
            yield f"refused: {refused}"
            continue
        error = _error(client, name, column, wanted.precision or "fp32", captured)
        times = [_compute_us(client, name, column, kind, captured) for kind in KINDS]
        yield f"{error}, {' / '.join(f'{time:,.0f}' for time in times)} µs"
    client.close()


def _error(client: Any, name: str, column: str, precision: str, captured: Captured) -> str:
    spec = _named(name, column, "gpu")
    answers = [_answer(client, spec, question.batch.inputs) for question in captured.questions]
    spec = with_tolerances(spec, precision, captured.answers)
    # Values that travel as lists of one are numbers again.
    answers = [
        {key: values.reshape(question.expected[key].shape) for key, values in answer.items()}
        for answer, question in zip(answers, captured.questions, strict=True)
    ]
    try:
        rows = compare(spec, captured.questions, answers, column)
    except ExportError as error:
        return f"WRONG: {error}"
    return f"{max(row.max_abs_error for row in rows):.0e}"


def _answer(client: Any, spec: ModelSpec, inputs: Arrays) -> Arrays:
    answer = infer(client, spec, inputs)
    return {output.name: answer.as_numpy(output.name) for output in spec.outputs}


def _compute_us(client: Any, name: str, column: str, kind: str, captured: Captured) -> float:
    spec = _named(name, column, kind)
    size, inputs = max(timed_batches(spec, list(captured.samples)).items())
    return timed_us(client, spec, size, inputs)


if __name__ == "__main__":
    main(sys.argv[1:])
