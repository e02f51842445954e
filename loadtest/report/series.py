"""What the pictures show, as numbers: the same for the page (SVG) and the files (PNG)."""

from dataclasses import dataclass

from loadtest.figures import is_held, window_latency
from loadtest.histogram import percentile_if_known
from loadtest.report.rows import Row, row_of
from loadtest.results import Run, Step, Window

# In the order in which a request meets them, from the bottom of a bar.
PARTS = ("generator", "network", "gateway", "queue", "compute")
QUANTILES = ("p50", "p90", "p99")


@dataclass(frozen=True)
class Point:
    """One step on the curve of latency over throughput."""

    label: str
    per_second: float
    ms: dict[str, float]  # of QUANTILES, those that are known
    is_valid: bool


@dataclass(frozen=True)
class Second:
    """One window of the run on its time line."""

    at_s: int
    answered: int
    errors: int
    limited: int
    missed: int
    p50_ms: float | None
    p99_ms: float | None
    is_warmup: bool


@dataclass(frozen=True)
class Stretch:
    """Where on the time line a step lies; `end_s` is the first second after it."""

    label: str
    start_s: int
    end_s: int


@dataclass(frozen=True)
class Batches:
    """Share of executions by batch size, of one model in one step."""

    model: str
    label: str
    mean: float
    shares: dict[int, float]


def last_trials(run: Run) -> list[Step]:
    """The steps without those that were tried again, as they were not steady."""
    return list({step.label.partition(" (trial ")[0]: step for step in run.steps}.values())


def curve(run: Run) -> list[Point]:
    """A point for each step that had answers, by the load that was asked for.

    A search asks in another order, and past its end a server may answer less than before.
    """
    rows = sorted((row_of(step) for step in last_trials(run)), key=lambda row: row.asked)
    return [Point(r.label, r.per_second, _quantiles(r), not r.invalid) for r in rows if r.samples]


def bars(run: Run) -> list[tuple[str, dict[str, float]]]:
    """Label and milliseconds by part, of each step whose latency could be split."""
    return [
        (step.label, {part: getattr(step.breakdown, f"{part}_ms") for part in PARTS})
        for step in last_trials(run)
        if step.breakdown is not None
    ]


def batches(run: Run) -> list[Batches]:
    """Of each model the batches in the valid step that had most of its samples a second."""
    found = []
    valid = [step for step in run.steps if not step.invalid] or run.steps
    for name in sorted({name for step in valid for name in step.models}):
        steps = [step for step in valid if name in step.models and step.models[name].batches]
        if steps:
            found.append(_batches(name, max(steps, key=lambda one: _load_of(name, one))))
    return found


def timeline(run: Run) -> tuple[list[Second], list[Stretch]]:
    """All windows one after the other, as if no time had passed between steps.

    Of those after the load has ended only what failed: for lack of load they are near empty.
    """
    seconds: list[Second] = []
    stretches = []
    for step in run.steps:
        start_s = len(seconds)
        shown = [window for window in step.windows if is_held(step, window) or window.errors]
        seconds += [_second(step, window, start_s + n) for n, window in enumerate(shown)]
        stretches.append(Stretch(step.label, start_s, len(seconds)))
    return seconds, stretches


def _quantiles(row: Row) -> dict[str, float]:
    known = {name: getattr(row, f"{name}_ms") for name in QUANTILES}
    return {name: value for name, value in known.items() if value is not None}


def _load_of(name: str, step: Step) -> float:
    return step.models[name].inferences / step.observed_s if step.observed_s else 0.0


def _batches(name: str, step: Step) -> Batches:
    model = step.models[name]
    whole = sum(model.batches.values())
    shares = {size: number / whole for size, number in sorted(model.batches.items())}
    return Batches(name, step.label, model.mean_batch, shares)


def _second(step: Step, window: Window, at_s: int) -> Second:
    latency = window_latency(step, window)
    p50_us, p99_us = (percentile_if_known(latency, quantile) for quantile in (0.5, 0.99))
    return Second(
        at_s=at_s,
        answered=window.answered,
        errors=sum(window.errors.values()),
        limited=window.limited,
        missed=window.missed,
        p50_ms=None if p50_us is None else p50_us / 1e3,
        p99_ms=None if p99_us is None else p99_us / 1e3,
        is_warmup=window.warmup,
    )
