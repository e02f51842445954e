"""`slo`: the highest rate of an open loop that keeps the objective, and what stops it there."""

import math
from dataclasses import dataclass

from loadtest import figures
from loadtest.errors import OptionError
from loadtest.histogram import percentile_if_known
from loadtest.plans.objective import Judgement, Objective, Verdict, falls_behind, judge
from loadtest.plans.outcome import P99_SAMPLES, WARMUP_S, Outcome
from loadtest.quantities import ms_text
from loadtest.results import Bottleneck, Load, Loop, Step
from loadtest.search import Candidate, Found, highest_rate
from loadtest.steady import WINDOWS, Measure
from loadtest.stopping import Stop, what_stops


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

    def __post_init__(self) -> None:
        if self.start < self.least:
            raise OptionError(
                f"At {self.start:g}/s there are {self.start * self.held_s:g} requests in the "
                f"{self.held_s:g} s that a rate is held, and a p99 needs {P99_SAMPLES}. Begin at "
                f"{math.ceil(self.least)}/s or more (--from), or hold each rate for longer "
                "(--window)."
            )

    @property
    def held_s(self) -> float:
        """How long a candidate is held."""
        return WINDOWS * self.window_s

    @property
    def least(self) -> float:
        """The lowest rate at which a candidate has enough answers for a p99."""
        return P99_SAMPLES / self.held_s


def slo(measure: Measure, options: SloOptions) -> Outcome:
    """Search the rate. A 429 is a request that was not served, so the rate does not hold.

    The run is invalid where the lowest rate that does not hold did not miss the objective: where
    it could not be judged, or the generator, and not the server, was at its end.
    """
    search = _Search(measure, options)
    found = highest_rate(
        search.try_rate, start=options.start, most=options.most, least=options.least
    )
    return search.outcome(found)


class _Search:
    def __init__(self, measure: Measure, options: SloOptions) -> None:
        self._measure = measure
        self._options = options
        self._objective = Objective(p99_ms=options.p99_ms, errors=options.errors)
        # The last trial of each rate, and of every trial what it says.
        self._tried: dict[float, tuple[Step, Judgement]] = {}
        self._told: dict[str, str] = {}

    def try_rate(self, rate: float) -> Candidate:
        """Hold a rate until it is steady and decided; a failure must be seen twice.

        One hiccup of the machine is not the capacity. What falls behind is not tried again, and
        what could not be judged is.
        """
        load = Load(
            loop=Loop.OPEN,
            rate=rate,
            arrivals=self._options.arrivals,
            duration_s=self._options.held_s,
            warmup_s=WARMUP_S,
        )
        missed_before = False
        for trial in range(1, self._options.trials + 1):
            label = f"{rate:.4g}/s" + (f" (trial {trial})" if trial > 1 else "")
            step = self._measure(label, load)
            judged = judge(step, self._objective)
            self._tried[rate] = (step, judged)
            self._told[label] = judged.told
            if _decided(step, judged, missed_before=missed_before):
                break
            missed_before = missed_before or judged.verdict is Verdict.MISSED
        return Candidate(rate, judged.why)

    def outcome(self, found: Found) -> Outcome:
        """The answer in numbers and words."""
        options = self._options
        answer: dict[str, float | str] = {
            "objective": f"p99 {options.p99_ms:g} ms, errors {options.errors:.4g}"
        }
        held = self._tried[found.holds.rate][0] if found.holds else None
        if not found.fails:
            answer |= _highest(held, "rate")
            answer["stopped_by"] = "nothing: the highest rate that was to be tried holds"
            return Outcome(answer, objective=self._told)
        rate, why = found.fails.rate, found.fails.failed
        stopping, judged = self._tried[rate]
        stop = what_stops(held, stopping, why=why, errors_allowed=options.errors)
        if spoilt := _spoilt(stopping, judged, stop):
            # What it found is a lower bound, and must not be taken for the capacity.
            answer |= _highest(held, "at_least") if held else {}
            answer |= {"not_judged_at": round(rate, 1), "stopped_by": why}
            return Outcome(answer, [f"{spoilt}. {_known(held)}"], objective=self._told)
        answer |= _highest(held, "rate")
        answer |= {
            "stopped_at": round(rate, 1),
            "stopped_by": why if held else f"{why}; {self._lowest(stopping)}",
            "bottleneck": stop.name,
            "bottleneck_reason": stop.reason,
        }
        missed = [] if held else [f"no rate holds {answer['objective']}"]
        return Outcome(answer, objective=self._told, missed=missed)

    def _lowest(self, step: Step) -> str:
        """Why nothing lower was tried, and how fast half of the answers were there."""
        options = self._options
        p50_us = percentile_if_known(figures.latency(step), 0.5) or 0.0
        return (
            f"no rate holds. At {step.load.rate:.4g}/s p50 is {ms_text(p50_us)} and the objective "
            f"p99 {options.p99_ms:g} ms; of a lower rate {options.held_s:g} s have fewer than "
            f"{P99_SAMPLES} answers, which know no p99"
        )


def _decided(step: Step, judged: Judgement, *, missed_before: bool) -> bool:
    """Whether one more trial would tell nothing new."""
    if judged.verdict is Verdict.HELD or not figures.answered(step) or _generator(step):
        return True
    return judged.verdict is Verdict.MISSED and (missed_before or falls_behind(step))


def _highest(held: Step | None, name: str) -> dict[str, float | str]:
    """The highest rate that holds under this name, and its p99; 0 where none does."""
    if held is None:
        return {name: 0.0}
    return {
        name: round(held.load.rate, 1),
        "p99_ms": round((percentile_if_known(figures.latency(held), 0.99) or 0.0) / 1e3, 3),
        "samples": figures.answered(held),
    }


def _spoilt(stopping: Step, judged: Judgement, stop: Stop) -> str:
    """Why the search does not tell what the server holds; empty where it does."""
    rate = f"{stopping.load.rate:.4g}/s"
    if _generator(stopping):
        return (
            f"the generator was at its end at {rate}, so the server may "
            "hold more: start more processes of it (--processes)"
        )
    if judged.verdict is Verdict.NOT_JUDGED:
        return f"the search ended at {rate}, which could not be judged: {judged.why}"
    if stop.name == Bottleneck.GENERATOR:
        return (
            f"at {rate} the largest part of the added time passed before requests were "
            "sent, so the server may hold more: start more processes of the generator "
            "(--processes), or run it on another machine"
        )
    return ""


def _known(held: Step | None) -> str:
    if held is None:
        return "No rate is known to hold"
    return f"At least {held.load.rate:.4g}/s holds; what is above could not be judged"


def _generator(step: Step) -> bool:
    return step.bottleneck is Bottleneck.GENERATOR
