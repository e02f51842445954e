"""Loads a saved artefact and answers: `python -P -m exporters.proving.proof_child JOB_FOLDER`."""

import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from exporters.arrays import Arrays, Runner
from exporters.errors import HostError
from exporters.formats import load_format
from exporters.proving.proof_job import (
    JOB,
    REPORT,
    TIMEOUT_S,
    Job,
    Report,
    answer_path,
    load_arrays,
    question_path,
    save_arrays,
    timed_path,
)

WARM_UP_CALLS = 3
LEAST_CALLS = 5
ROUNDS = 3


def main(directory: Path) -> None:
    """Writes one answer for each question, and a report."""
    job = Job.model_validate_json((directory / JOB).read_text(encoding="utf-8"))
    report = _work(job, directory)
    (directory / REPORT).write_text(report.model_dump_json(), encoding="utf-8")


def _work(job: Job, directory: Path) -> Report:
    step = "load"
    latency_us: dict[str, float] = {}
    try:
        run = load_format(job.format).load(job.artefact, job.interface)
        for number in range(job.questions):
            step = f"question {number}"
            inputs = load_arrays(question_path(directory, number), job.interface.inputs)
            save_arrays(answer_path(directory, number), job.interface.outputs, run(inputs))
        for _ in range(ROUNDS):
            for batch in job.timed:
                step = f"batch {batch}"
                inputs = load_arrays(timed_path(directory, batch), job.interface.inputs)
                median = _median_us(_call(run, inputs), job.timed_s)
                # What else the machine does only ever adds to a time.
                latency_us[str(batch)] = min(median, latency_us.get(str(batch), median))
    except Exception as error:  # every runtime has exceptions of its own
        return Report(error=_one_line(error), step=step, host=isinstance(error, HostError))
    return Report(latency_us=latency_us)


def _call(run: Runner, inputs: Arrays) -> Callable[[], object]:
    return lambda: run(inputs)


def _median_us(call: Callable[[], object], least_s: float) -> float:
    """The first calls are slower: compilers and allocators settle in them."""
    for _ in range(WARM_UP_CALLS):
        call()
    seconds: list[float] = []
    # A fast model is called some ten thousand times, so the total is kept and not summed up anew.
    total_s = 0.0
    while total_s < least_s or len(seconds) < LEAST_CALLS:
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
        total_s += seconds[-1]
    return round(statistics.median(seconds) * 1e6, 1)


def _one_line(error: Exception) -> str:
    """The last line: runtimes put what happened below where it happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    # The parent stops it before, unless the parent was killed.
    signal.alarm(int(TIMEOUT_S) + 60)
    main(Path(sys.argv[1]))
