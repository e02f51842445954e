"""`smoke`: a little load for a few seconds; does everything answer, and how fast when idle?"""

from dataclasses import dataclass

from loadtest import figures
from loadtest.histogram import percentile_if_known
from loadtest.plans.outcome import WARMUP_S, Outcome, failures, reasons
from loadtest.results import Load, Loop, Step
from loadtest.steady import Measure


@dataclass(frozen=True, kw_only=True)
class SmokeOptions:
    """One user is the least that can be asked."""

    users: int = 1
    duration_s: float = 5.0


def smoke(measure: Measure, options: SmokeOptions) -> Outcome:
    """Hold the load once; any failure makes the run invalid."""
    load = Load(
        loop=Loop.CLOSED,
        users=options.users,
        duration_s=options.duration_s,
        warmup_s=WARMUP_S,
    )
    step = measure(f"{options.users} users" if options.users > 1 else "1 user", load)
    failed = failures(step)
    return Outcome(
        step_answer(step), reasons([step]) + ([f"requests failed: {failed}"] if failed else [])
    )


def step_answer(step: Step) -> dict[str, float | str]:
    """Rate, errors and the percentiles that are known."""
    latency = figures.latency(step)
    known = {
        name: percentile_if_known(latency, quantile)
        for name, quantile in (("p50_ms", 0.5), ("p99_ms", 0.99))
    }
    return {
        "answers_per_second": round(figures.throughput(step), 1),
        "error_share": round(figures.error_share(step), 6),
        **{name: round(us / 1e3, 3) for name, us in known.items() if us is not None},
    }
