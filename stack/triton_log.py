"""Triton's log: the lines that mean a problem, and the known ones that do not."""

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path

_POLL_INTERVAL_S = 0.25
_PROBLEM = re.compile(r'^[EW]\d{4} [\d:.]+ \d+ \S+\] "?(?P<text>.*?)"?$')
# Of the program that runs a model, and of the shell that starts it: they have no form of Triton's.
_STUB_PROBLEM = re.compile(r"error while loading shared libraries: .*|^bash: .*")
_LOADING = re.compile(r'\] "loading: ([^:"]+):\d+"')
# "successfully loaded 'x'", "failed to load 'x'", "Poll failed for model directory 'x': ..."
_OUTCOME = re.compile(r"(?:loaded|failed to load|Poll failed for model directory) '([^']+)'")
_HARMLESS = (
    # Without a GPU:
    "CudaDriverHelper has not been initialized",
    "unable to create stream for",
    "pinned system memory",
    "Failed to initialize NVML",
    "DCGM unable to start",
    # Said once more by the load report, by model and in plain words:
    "failed to load '",
    "failed to load all models",
    "load failed for model",
    "Failed to create instance",
    "Failed to initialize Python stub",
    "Poll failed for model directory",
)


def problem_in(line: str) -> str | None:
    """The message of a log line that a person should see; None for all others.

    >>> problem_in('E1122 04:35:42.8 47 server.cc:1] "out of memory"')
    'out of memory'
    >>> problem_in('E1122 04:35:42.8 47 server.cc:1] "CudaDriverHelper has not been initialized."')
    """
    stub = _STUB_PROBLEM.search(line)
    if stub:
        return stub[0]
    match = _PROBLEM.match(line)
    if match is None or any(known in line for known in _HARMLESS):
        return None
    return match["text"]


async def follow(path: Path, on_problem: Callable[[str], None]) -> None:
    """Report each problem line as it is written, until cancelled."""
    with path.open(errors="replace") as log:
        rest = ""
        while True:
            rest += log.read()
            *lines, rest = rest.split("\n")
            for problem in filter(None, map(problem_in, lines)):
                on_problem(f"triton: {problem}")
            await asyncio.sleep(_POLL_INTERVAL_S)


def models_without_outcome(asked: Sequence[str], text: str) -> list[str]:
    """Models that were neither loaded nor refused when the log broke off; none before it began.

    Also those that Triton had not come to: an ensemble waits for the models that it is made of.
    """
    if not _LOADING.search(text):
        return []
    done = set(_OUTCOME.findall(text))
    return [name for name in asked if name not in done]


def last_problems(text: str, *, most: int = 3) -> str:
    """The last problem lines as one sentence, for the error that a failed start becomes."""
    problems = [found for line in text.splitlines() if (found := problem_in(line))]
    return "; ".join(problems[-most:])
