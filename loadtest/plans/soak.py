"""`soak`: one load for long; does anything drift: latency, memory, errors?"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

from loadtest import figures
from loadtest.comparing import LEAST_WINDOWS
from loadtest.histogram import percentile_if_known
from loadtest.plans.outcome import WARMUP_S, Outcome, failed_part, failures, reasons
from loadtest.results import Load, Loop, Step
from loadtest.steady import Measure

Memory = Callable[[], dict[str, int]]
"""Resident bytes of the processes that can be seen, by name; empty where none can."""

_SLICES = 10
_LEAST_SLICE_S = 3.0
# Above the first a drift is told, above the second a bound is missed.
DRIFT = 0.10
DRIFT_BOUND = 0.20
ERRORS_BOUND = 0.001
# Of a slice with fewer good answers a percentile is chance, and so is its drift.
_SAMPLES = {"p50_drift": 20, "p99_drift": 200}


@dataclass(frozen=True, kw_only=True)
class SoakOptions:
    """A rate of an open loop, or users of a closed one."""

    duration_s: float = 600.0
    rate: float = 0.0
    users: int = 0
    arrivals: str = "constant"


def soak(measure: Measure, options: SoakOptions, *, memory: Memory) -> Outcome:
    """Hold the load in ten slices; the answer tells drift over the whole in parts of the middle.

    A drift of latency or memory above 10 %, or any failure, is told under `found`. A bound is
    missed where it is above 20 %, or more than 0.1 % of the requests failed.
    """
    slices = max(3, min(_SLICES, int(options.duration_s / _LEAST_SLICE_S)))
    # Whole seconds, as windows are.
    slice_s = round(options.duration_s / slices)
    steps, used = [], []
    for number in range(slices):
        # The first slice fills caches and pools: memory is compared with what it left.
        label = f"{_minutes(number * slice_s)} to {_minutes((number + 1) * slice_s)}"
        steps.append(measure(label, _load(options, slice_s, warm=number > 0)))
        used.append(memory())
    if not any(map(figures.answered, steps)):
        return Outcome({}, reasons(steps) or ["there was no good answer"])
    answer, missed = _answer(steps, used)
    if slice_s < LEAST_WINDOWS:
        answer["note"] = (
            f"slices of {slice_s} s are too short to be compared with another run's: hold it for "
            f"{_SLICES * LEAST_WINDOWS} s or more"
        )
    return Outcome(answer, reasons(steps), missed=missed)


def drift(values: list[float]) -> float:
    """Growth from the first to the last of evenly spaced values, in parts of their median.

    By the median slope of all pairs (Theil and Sen), which one odd value does not turn.
    """
    middle = statistics.median(values)
    if len(values) < 2 or not middle:
        return 0.0
    slopes = [
        (later - earlier) / (j - i)
        for (i, earlier), (j, later) in combinations(enumerate(values), 2)
    ]
    return statistics.median(slopes) * (len(values) - 1) / middle


def _answer(
    steps: list[Step], used: list[dict[str, int]]
) -> tuple[dict[str, float | str], list[str]]:
    """The figures, and the bounds that they miss."""
    drifts = _drifts(steps, used)
    few = _too_few(steps)
    whole = _whole(steps)
    share = figures.error_share(whole)
    found = [
        f"{name} {value:+.1%}" + (f" ({few[name]})" if name in few else "")
        for name, value in drifts.items()
        if value > DRIFT or name in few
    ]
    if failed := failures(whole):
        found.append(f"{failed_part(whole)}: {failed}")
    missed = [
        f"{name} {value:+.1%}, over {DRIFT_BOUND:+.0%}"
        for name, value in drifts.items()
        if value > DRIFT_BOUND and name not in few
    ]
    if share > ERRORS_BOUND:
        missed.append(f"{share:.2%} of the requests failed or were never sent, over 0.1%")
    latency = figures.latency(whole)
    answer: dict[str, float | str] = {
        "answers_per_second": round(statistics.mean(map(figures.throughput, steps)), 1),
        "error_share": round(share, 6),
        **_known("p50_ms", percentile_if_known(latency, 0.5)),
        **_known("p99_ms", percentile_if_known(latency, 0.99)),
        **_known("p99_9_ms", percentile_if_known(latency, 0.999)),
        "max_ms": round(latency.max_us / 1e3, 3),
        **{name: round(value, 4) for name, value in drifts.items()},
        **{f"memory_{name}_mb": round(size / 1e6, 1) for name, size in used[-1].items()},
        "found": "; ".join(found) or "no drift and no failure",
        **({"missed": "; ".join(missed)} if missed else {}),
    }
    return answer, missed


def _drifts(steps: list[Step], used: list[dict[str, int]]) -> dict[str, float]:
    """By name: of latencies, and of the memory of what was seen after every slice."""
    drifts = {
        "p50_drift": drift(_percentiles(steps, 0.5)),
        "p99_drift": drift(_percentiles(steps, 0.99)),
    }
    for name in used[0]:
        if all(name in sample for sample in used):
            drifts[f"memory_{name}_drift"] = drift([float(sample[name]) for sample in used])
    return drifts


def _too_few(steps: list[Step]) -> dict[str, str]:
    """Of which drifts the slices have too few answers, and how many there were."""
    fewest = min(map(figures.answered, steps))
    return {
        name: f"too few samples to tell: {fewest} in a slice, {needed} are needed"
        for name, needed in _SAMPLES.items()
        if fewest < needed
    }


def _whole(steps: list[Step]) -> Step:
    """All slices as one step."""
    return Step(
        label="all",
        load=steps[0].load,
        windows=[window for step in steps for window in step.windows],
        seconds=sum(step.seconds for step in steps),
    )


def _percentiles(steps: list[Step], quantile: float) -> list[float]:
    found = [percentile_if_known(figures.latency(step), quantile) for step in steps]
    return [us for us in found if us is not None]


def _known(name: str, us: float | None) -> dict[str, float]:
    return {} if us is None else {name: round(us / 1e3, 3)}


def _load(options: SoakOptions, slice_s: float, *, warm: bool) -> Load:
    return Load(
        loop=Loop.OPEN if options.rate else Loop.CLOSED,
        rate=options.rate,
        users=options.users,
        arrivals=options.arrivals,
        duration_s=slice_s,
        warmup_s=1.0 if warm else WARMUP_S,
    )


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
