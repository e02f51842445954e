"""Runs a saved artefact in a process of its own, so that its crash is an error and no more."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from exporters.arrays import Arrays
from exporters.errors import HostError, ProofError
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

CHILD = "exporters.proving.proof_child"
LOG = "child.log"
SHOWN_CHARACTERS = 300


def run_artefact(
    job: Job, questions: Sequence[Arrays], timed: Mapping[int, Arrays], directory: Path
) -> tuple[list[Arrays], Report]:
    """The answers up to the first that failed, and the report that says which did.

    Raises a `HostError` where this host cannot run the artefact, and a `ProofError` if the process
    dies or does not end.
    """
    for number, inputs in enumerate(questions):
        save_arrays(question_path(directory, number), job.interface.inputs, inputs)
    for batch, inputs in timed.items():
        save_arrays(timed_path(directory, batch), job.interface.inputs, inputs)
    (directory / JOB).write_text(job.model_dump_json(), encoding="utf-8")
    child = [sys.executable, "-P", "-W", "ignore", "-m", CHILD, str(directory)]
    run_to_end(child, job.interface.name, directory)
    report = Report.model_validate_json((directory / REPORT).read_text(encoding="utf-8"))
    if report.host:
        raise HostError(report.error)
    paths = [answer_path(directory, number) for number in range(job.questions)]
    answers = [load_arrays(path, job.interface.outputs) for path in paths if path.exists()]
    return answers, report


def run_to_end(
    command: Sequence[str], name: str, directory: Path, *, timeout_s: float = TIMEOUT_S
) -> None:
    """Raises a `ProofError` unless `command` exits with 0 in time; it is killed otherwise."""
    log = directory / LOG
    with log.open("wb") as output:
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))},
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ProofError(
                f"The artefact of '{name}' did not answer within {timeout_s:g} s and was stopped. "
                "Nothing was published. Look for a loop in `forward` that does not end, or lower "
                "the bounds of its axes or max_batch_size."
            ) from error
    if ended.returncode == 0:
        return
    raise ProofError(
        f"The artefact of '{name}' {_death(ended.returncode)} while it was proved"
        f"{_last_words(log)}. Nothing was published. Try another format."
    )


def _death(code: int) -> str:
    if code > 0:
        return f"ended its process with exit code {code}"
    name = _signal_name(-code)
    if name == "SIGKILL":
        return "was killed with SIGKILL, as the kernel does when memory runs out,"
    return f"crashed with {name}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return f": {said[-1][-SHOWN_CHARACTERS:].rstrip('.')}" if said else ""
