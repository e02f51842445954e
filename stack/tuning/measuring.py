"""Holds a closed-loop load on a trial model and says what came of it, as a step of a load test."""

import itertools

import uvloop

from loadtest.closed_loop import Result, closed_loop
from loadtest.histogram import count
from loadtest.infer_body import InferBody
from loadtest.results import Load, Step, Window
from stack.errors import TuningError
from stack.tuning.readings import Measure


def closed_loop_measure(url: str, bodies: list[InferBody]) -> Measure:
    """`measure(model, load)`: straight to Triton, since the gateway is the same for all values."""
    turns = itertools.cycle(bodies)

    def measure(model: str, load: Load) -> Step:
        body = next(turns)
        if load.warmup_s:
            _run(url, model, body, load.users, load.warmup_s)
        return _step(model, load, _run(url, model, body, load.users, load.duration_s))

    return measure


def _run(url: str, model: str, body: InferBody, users: int, seconds: float) -> Result:
    path = f"/v2/models/{model}/infer"
    try:
        return uvloop.run(
            closed_loop(url, path, body, connections=users, seconds=seconds, key=None)
        )
    except OSError as error:
        raise TuningError(
            f"The Triton that the trials run in does not answer any more ({error}). Its log is in "
            "the folder tuning/logs of the state directory."
        ) from error


def _step(label: str, load: Load, result: Result) -> Step:
    answered = count(result.service)
    failed = {"failed": result.errors} if result.errors else {}
    window = Window(
        at_s=0,
        warmup=False,
        planned=0,
        sent=result.requests,
        missed=0,
        answered=answered,
        limited=0,
        errors=failed,
        service=result.service,
        corrected=result.service,
    )
    return Step(label=label, load=load, windows=[window], seconds=result.seconds)
