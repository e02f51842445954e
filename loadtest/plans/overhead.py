"""`overhead`: what the gateway adds to a call, against the same load on Triton directly.

Both are measured in turns at a low rate, and which is first alternates, so that a drift of the
machine falls on both. The difference is of medians, means and p99s, each with an interval of 95 %
by the bootstrap over rounds and their seconds.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from loadtest import figures
from loadtest.histogram import mean_us, merged, percentile
from loadtest.plans.outcome import WARMUP_S, Outcome, failures, reasons
from loadtest.resampling import blocks, drawn, interval
from loadtest.results import Histogram, Load, Loop, Step, Window
from loadtest.steady import Measure


@dataclass(frozen=True, kw_only=True)
class OverheadOptions:
    """A rate at which nothing waits."""

    rate: float = 50.0
    rounds: int = 5
    duration_s: float = 5.0
    arrivals: str = "constant"


_FIGURES: dict[str, Callable[[Histogram], float]] = {
    "mean": mean_us,
    "p50": lambda latency: percentile(latency, 0.5),
    "p99": lambda latency: percentile(latency, 0.99),
}


def overhead(gateway: Measure, direct: Measure, options: OverheadOptions) -> Outcome:
    """Measure both in turns; the answer is in milliseconds, gateway less direct."""
    load = Load(
        loop=Loop.OPEN,
        rate=options.rate,
        arrivals=options.arrivals,
        duration_s=options.duration_s,
        warmup_s=WARMUP_S,
    )
    pairs: list[tuple[Step, Step]] = []
    for number in range(1, options.rounds + 1):
        turns = [("gateway", gateway), ("direct", direct)]
        if number % 2 == 0:
            turns.reverse()
        found = {name: measure(f"{name} {number}", load) for name, measure in turns}
        pairs.append((found["gateway"], found["direct"]))
    steps = [step for pair in pairs for step in pair]
    spoilt = reasons(steps)
    spoilt += [f"{step.label}: {failed}" for step in steps if (failed := failures(step))]
    if any(not figures.answered(step) for step in steps):
        return Outcome({}, spoilt or ["a round had no good answer"])
    return Outcome(_answer(pairs), spoilt)


def _answer(pairs: list[tuple[Step, Step]]) -> dict[str, float | str]:
    answer: dict[str, float | str] = {}
    rounds = [(figures.measured(gateway), figures.measured(direct)) for gateway, direct in pairs]
    for name, figure in _FIGURES.items():
        through = figure(_latency([window for windows, _ in rounds for window in windows]))
        direct = figure(_latency([window for _, windows in rounds for window in windows]))
        low, high = interval(partial(_drawn, rounds=rounds, figure=figure))
        answer |= {
            f"gateway_{name}_ms": round(through / 1e3, 3),
            f"direct_{name}_ms": round(direct / 1e3, 3),
            f"added_{name}_ms": round((through - direct) / 1e3, 3),
            f"added_{name}_low_ms": round(low / 1e3, 3),
            f"added_{name}_high_ms": round(high / 1e3, 3),
        }
    return answer


def _drawn(
    rng: random.Random,
    rounds: list[tuple[list[Window], list[Window]]],
    figure: Callable[[Histogram], float],
) -> float:
    """The difference in rounds drawn with replacement, and in seconds drawn within them."""
    chosen = rng.choices(rounds, k=len(rounds))
    through = [window for windows, _ in chosen for window in drawn(rng, blocks(windows))]
    direct = [window for _, windows in chosen for window in drawn(rng, blocks(windows))]
    if not (any(w.answered for w in through) and any(w.answered for w in direct)):
        return 0.0
    return figure(_latency(through)) - figure(_latency(direct))


def _latency(windows: list[Window]) -> Histogram:
    # From the planned time: what the gateway delays the next request by is its cost as well.
    return merged(window.corrected for window in windows)
