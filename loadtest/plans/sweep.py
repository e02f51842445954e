"""`sweep`: one load after another, each higher; shows the curve of latency over throughput."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest import figures
from loadtest.arrivals import is_even
from loadtest.errors import OptionError
from loadtest.histogram import percentile_if_known
from loadtest.plans.outcome import WARMUP_S, Outcome, failed_part, failures
from loadtest.results import Load, Loop, Step
from loadtest.steady import Measure, is_gone, unsteady, until_steady


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Users of a closed loop, or rates of an open one: whichever is given."""

    users: Sequence[int] = ()
    rates: Sequence[float] = ()
    arrivals: str = "constant"
    duration_s: float = 15.0
    trials: int = 3


def sweep(measure: Measure, options: SweepOptions) -> Outcome:
    """Hold each load until it is steady; the answer is the highest throughput and the knee.

    Arrivals that keep no one rate are held once, and not judged for a steady state. Where a load
    has no answer at all the server is gone: those after it are not held, and the run is invalid.
    A step that is not to be trusted is left out of the answer; the run is invalid where all are.
    Failures are told: how many requests fail may be what a load is held for.
    """
    good: list[Step] = []
    spoilt: dict[str, str] = {}
    told: list[str] = []
    ended: list[str] = []
    loads = _loads(options)
    judged = is_even(options.arrivals)
    for number, (label, load) in enumerate(loads, 1):
        steps = until_steady(measure, label, load, trials=options.trials if judged else 1)
        for step in steps:
            if judged and (why := unsteady(step)):
                spoilt[step.label] = f"no steady state: {why}"
        last = steps[-1]
        reasons = last.invalid + ([spoilt[last.label]] if last.label in spoilt else [])
        told += [f"{last.label}: {reason}" for reason in reasons]
        good += [] if reasons else [last]
        if is_gone(last):
            left = [label for label, _ in loads[number:]]
            ended = [f"{last.label} had no answer; not held: {', '.join(left)}"] if left else []
            break
    if not good:
        return Outcome({}, told + ended, spoilt)
    answer = _answer(good)
    if not judged:
        answer["steady_state"] = f"not judged: {options.arrivals} does not keep one rate"
    if failed := [
        f"{step.label}: {failed_part(step)}: {why}" for step in good if (why := failures(step))
    ]:
        answer["failures"] = "; ".join(failed)
    if told:
        answer["left_out"] = "; ".join(told)
    return Outcome(answer, ended, spoilt=spoilt)


def knee(steps: Sequence[Step]) -> Step:
    """Where more load begins to buy latency instead of throughput: the most answers a second for
    each millisecond of the median."""
    return max(steps, key=lambda step: figures.throughput(step) / _median_ms(step))


def _answer(steps: Sequence[Step]) -> dict[str, float | str]:
    best, at_knee = max(steps, key=figures.throughput), knee(steps)
    return {
        "answers_per_second": round(figures.throughput(best), 1),
        "at": best.label,
        "bottleneck": best.bottleneck.value,
        "knee": at_knee.label,
        "knee_answers_per_second": round(figures.throughput(at_knee), 1),
        "knee_p50_ms": round(_median_ms(at_knee), 3),
    }


def _loads(options: SweepOptions) -> list[tuple[str, Load]]:
    if options.arrivals.startswith("replay:"):
        if options.rates:
            raise OptionError("A replay has the rate of its file; leave out --rates.")
        return [(options.arrivals, _open(0, options))]
    if options.rates:
        return [(f"{rate:g}/s", _open(rate, options)) for rate in options.rates]
    return [
        (
            f"{users} users" if users > 1 else "1 user",
            Load(loop=Loop.CLOSED, users=users, duration_s=options.duration_s, warmup_s=WARMUP_S),
        )
        for users in options.users
    ]


def _open(rate: float, options: SweepOptions) -> Load:
    return Load(
        loop=Loop.OPEN,
        rate=rate,
        arrivals=options.arrivals,
        duration_s=options.duration_s,
        warmup_s=WARMUP_S,
    )


def _median_ms(step: Step) -> float:
    return (percentile_if_known(figures.latency(step), 0.5) or 0.0) / 1e3
