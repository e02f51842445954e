"""`spike`: a base load, many times of it for some seconds, the base again; how fast is it well?"""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest import figures
from loadtest.histogram import merged, percentile_if_known
from loadtest.plans.outcome import P99_SAMPLES, WARMUP_S, Outcome, failures, reasons
from loadtest.results import Load, Loop, Step, Window
from loadtest.steady import Measure

# A p99 of one second rests on too little; recovered is who is well for so many in a row, and in
# all that is left together.
_WELL_S = 3
# How many times the p99 before the spike one after it may be: less is chance.
WELL_FACTOR = 1.5
# Of all that was due: this much more than before the spike may go without a good answer.
_BAD_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class SpikeOptions:
    """`times` the rate for `spike_s`, with `calm_s` of the rate before and `after_s` after it."""

    rate: float
    times: float = 5.0
    calm_s: float = 10.0
    spike_s: float = 5.0
    after_s: float = 30.0
    max_in_flight: int = 10_000


def spike(measure: Measure, options: SpikeOptions) -> Outcome:
    """Hold all of it as one step; recovered is a p99 that stays within 1.5 times the base's, and
    as few failures.

    That it never recovered is an answer, and the run is valid.
    """
    load = Load(
        loop=Loop.OPEN,
        rate=options.rate,
        arrivals=f"spike:{options.times:g}:{options.calm_s:g}:{options.spike_s:g}",
        duration_s=options.calm_s + options.spike_s + options.after_s,
        warmup_s=WARMUP_S,
        max_in_flight=options.max_in_flight,
    )
    step = measure(f"{options.rate:g}/s, {options.times:g} times for {options.spike_s:g} s", load)
    calm, during, after = _parts(step, options)
    base_us = _p99_us(step, calm)
    if base_us is None:
        return Outcome({}, [*reasons([step]), "there was no good answer before the spike"])
    recovered = recovery_s(step, after, base_us, base_bad=_bad_share(calm))
    return Outcome(
        {
            "base_p99_ms": round(base_us / 1e3, 3),
            **_known("spike_p99_ms", _p99_us(step, during)),
            **_known("after_p99_ms", _p99_us(step, after)),
            "recovered": "no" if recovered is None else "yes",
            **({} if recovered is None else {"recovery_s": float(recovered)}),
            "error_share": round(figures.error_share(step), 6),
            "limited": float(figures.limited(step)),
            **({"failures": failed} if (failed := failures(step)) else {}),
            "bottleneck": step.bottleneck.value,
            **_too_few(calm),
        },
        reasons([step]),
    )


def recovery_s(
    step: Step, after: Sequence[Window], base_us: float, *, base_bad: float = 0.0
) -> int | None:
    """Seconds from the end of the spike until p99 and failures are and stay as before; None: never.

    Judged are the three seconds from there on, and all that are left together.
    """

    def is_well(windows: Sequence[Window]) -> bool:
        p99_us = _p99_us(step, windows)
        fast = p99_us is not None and p99_us <= base_us * WELL_FACTOR
        return fast and _bad_share(windows) <= base_bad + _BAD_SHARE

    for second in range(len(after) - _WELL_S + 1):
        if is_well(after[second : second + _WELL_S]) and is_well(after[second:]):
            return second
    return None


def _too_few(calm: Sequence[Window]) -> dict[str, str]:
    """A note where the p99 before the spike, with which all is compared, rests on too little."""
    answered = sum(window.answered for window in calm)
    if answered >= P99_SAMPLES:
        return {}
    return {
        "note": f"the p99 before the spike rests on {answered} answers, and needs {P99_SAMPLES}: "
        "do not trust the recovery; give a longer --calm or a higher --rate"
    }


def _bad_share(windows: Sequence[Window]) -> float:
    """Of what became of requests, the part that is no good answer: a 429 is none."""
    bad = sum(sum(w.errors.values()) + w.missed + w.limited for w in windows)
    whole = bad + sum(window.answered for window in windows)
    return bad / whole if whole else 0.0


def _parts(
    step: Step, options: SpikeOptions
) -> tuple[Sequence[Window], Sequence[Window], Sequence[Window]]:
    begin_s = WARMUP_S + options.calm_s
    end_s = begin_s + options.spike_s
    windows = figures.measured(step)
    calm = [window for window in windows if window.at_s < begin_s]
    during = [window for window in windows if begin_s <= window.at_s < end_s]
    return calm, during, [window for window in windows if window.at_s >= end_s]


def _p99_us(step: Step, windows: Sequence[Window]) -> float | None:
    latencies = merged(figures.window_latency(step, window) for window in windows)
    return percentile_if_known(latencies, 0.99)


def _known(name: str, us: float | None) -> dict[str, float]:
    return {} if us is None else {name: round(us / 1e3, 3)}
