"""`slo`: the highest rate of an open loop that keeps the objective, and what stops it there."""

from dataclasses import dataclass

from loadtest import figures
from loadtest.histogram import percentile_if_known
from loadtest.plans.outcome import WARMUP_S, Outcome, failed_part, failures
from loadtest.quantities import ms_text
from loadtest.results import Bottleneck, Load, Loop, Step
from loadtest.search import Candidate, Found, highest_rate
from loadtest.steady import WINDOWS, Measure, unsteady
from loadtest.stopping import Stop, what_stops

# Below this part of what was due, answers fall behind: trying again would tell the same.
_KEPT_UP = 0.95


@dataclass(frozen=True, kw_only=True)
class SloOptions:
    """The objective, and where to look for it; a candidate is held for three windows."""

    p99_ms: float
    errors: float = 0.001
    start: float = 20.0
    most: float = 100_000.0
    window_s: float = 5.0
    trials: int = 3
    arrivals: str = "poisson"


def slo(measure: Measure, options: SloOptions) -> Outcome:
    """Search the rate. A 429 is a request that was not served, so the rate does not hold.

    The run is invalid where the generator, and not the server, was at its end.
    """
    search = _Search(measure, options)
    return search.outcome(highest_rate(search.try_rate, start=options.start, most=options.most))


def misses(step: Step, options: SloOptions) -> str:
    """Why a step does not keep the objective; empty where it does."""
    latency = figures.latency(step)
    p99_us = percentile_if_known(latency, 0.99)
    if p99_us is None:
        return f"no good answer; {failures(step) or 'nothing came'}"
    if (limited := figures.limited(step)) > 0:
        return f"{limited:,} requests were over a limit (429)"
    if figures.error_share(step) > options.errors:
        unsent = figures.missed(step)
        never_sent = f" and {unsent:,} arrivals were never sent" if unsent else ""
        return f"{failed_part(step)}{never_sent}: {failures(step) or 'too many in flight'}"
    if p99_us > options.p99_ms * 1e3:
        return f"p99 {ms_text(p99_us)}, over {options.p99_ms:g} ms"
    return ""


class _Search:
    def __init__(self, measure: Measure, options: SloOptions) -> None:
        self._measure = measure
        self._options = options
        self._steps: dict[float, Step] = {}
        # Rates that failed for reasons which say nothing of what the server holds.
        self._untold: dict[float, str] = {}

    def try_rate(self, rate: float) -> Candidate:
        """Hold a rate until it is steady and decided; a failure must be seen twice.

        One hiccup of the machine is not the capacity. What falls behind is not tried again, and
        what must not be trusted is.
        """
        load = Load(
            loop=Loop.OPEN,
            rate=rate,
            arrivals=self._options.arrivals,
            duration_s=WINDOWS * self._options.window_s,
            warmup_s=WARMUP_S,
        )
        failed_before = False
        for trial in range(1, self._options.trials + 1):
            label = f"{rate:.4g}/s" + (f" (trial {trial})" if trial > 1 else "")
            step = self._steps[rate] = self._measure(label, load)
            missed = misses(step, self._options)
            why = missed or _unsteady(step) or _distrusted(step)
            if not why or (missed and failed_before) or _behind(step) or _generator(step):
                break
            failed_before = failed_before or bool(missed)
        if why and (figures.answered(step) == 0 or not (missed or _unsteady(step))):
            self._untold[rate] = why
        return Candidate(rate, why)

    def outcome(self, found: Found) -> Outcome:
        """The answer in numbers and words."""
        answer: dict[str, float | str] = {
            "objective": f"p99 {self._options.p99_ms:g} ms, errors {self._options.errors:.4g}",
            "rate": 0.0,
        }
        held = self._steps[found.holds.rate] if found.holds else None
        if found.holds and held:
            answer |= {
                "rate": round(found.holds.rate, 1),
                "p99_ms": round((percentile_if_known(figures.latency(held), 0.99) or 0.0) / 1e3, 3),
                "samples": figures.answered(held),
            }
        if not found.fails:
            answer["stopped_by"] = "nothing: the highest rate that was to be tried holds"
            return Outcome(answer)
        why = found.fails.failed
        stopping = self._steps[found.fails.rate]
        stop = what_stops(held, stopping, why=why, errors_allowed=self._options.errors)
        answer |= {
            "stopped_at": round(found.fails.rate, 1),
            "stopped_by": why,
            "bottleneck": stop.name,
            "bottleneck_reason": stop.reason,
        }
        spoilt = self._spoilt(found.fails.rate, stopping, stop, any_holds=held is not None)
        return Outcome(answer, [spoilt] if spoilt else [])

    def _spoilt(self, rate: float, stopping: Step, stop: Stop, *, any_holds: bool) -> str:
        """Why the search says nothing of the server; empty where it does."""
        if _generator(stopping):
            return (
                f"the generator was at its end at {rate:.4g}/s, so the server may "
                "hold more: start more processes of it (--processes)"
            )
        if rate in self._untold:
            return f"at {rate:.4g}/s nothing was learnt of the server: {self._untold[rate]}"
        if stop.name == Bottleneck.GENERATOR:
            return (
                f"at {rate:.4g}/s the largest part of the added time passed before requests were "
                "sent, so the server may hold more: start more processes of the generator "
                "(--processes), or run it on another machine"
            )
        if not any_holds and not misses(stopping, self._options):
            return f"no rate was steady, down to {rate:.4g}/s"
        return ""


def _unsteady(step: Step) -> str:
    why = unsteady(step)
    return f"no steady state: {why}" if why else ""


def _distrusted(step: Step) -> str:
    return "; ".join(step.invalid)


def _behind(step: Step) -> bool:
    windows = figures.held(step)
    planned = sum(window.planned for window in windows)
    return sum(window.answered for window in windows) < planned * _KEPT_UP


def _generator(step: Step) -> bool:
    return step.bottleneck is Bottleneck.GENERATOR
