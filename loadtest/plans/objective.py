"""Whether a step held an objective, missed it, or says nothing of it.

A step says nothing where it was not steady, where it must not be trusted, or where other programs
had most of this machine's cores: what is missed there may be missed because of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from loadtest import figures
from loadtest.bottleneck import taken_by_others
from loadtest.histogram import percentile_if_known
from loadtest.plans.outcome import failed_part, failures
from loadtest.quantities import ms_text
from loadtest.results import Step
from loadtest.steady import TOLERANCE, unsteady
from loadtest.validity import overload_reasons

# Below this part of what was due, answers fall behind: trying again would tell the same.
_KEPT_UP = 0.95


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What 99 % of the answers must keep, and what part of the requests may fail."""

    p99_ms: float
    errors: float


class Verdict(StrEnum):
    """What a step says of the objective."""

    HELD = "held"
    MISSED = "missed"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Judgement:
    """A verdict, what was missed (p99, errors, 429 or behind), and the figures that say so."""

    verdict: Verdict
    missed: str = ""
    why: str = ""

    @property
    def told(self) -> str:
        """In words: `held`, `missed (p99): …` or `not judged: …`."""
        of_what = f" ({self.missed})" if self.missed else ""
        return f"{self.verdict}{of_what}" + (f": {self.why}" if self.why else "")


def judge(step: Step, objective: Objective) -> Judgement:
    """Judge a step. A 429 is a request that was not served: the objective is missed."""
    if (limited := figures.limited(step)) > 0:
        return _missed("429", f"{limited:,} requests were over a limit (429)")
    overloaded = overload_reasons(step)
    if distrusted := [reason for reason in step.invalid if reason not in overloaded]:
        return _not_judged("; ".join(distrusted))
    if not figures.answered(step):
        return _not_judged(f"no good answer; {failures(step) or 'nothing came'}")
    # A median that moves by a tenth of what p99 may be is steady enough to be held against it.
    uneven = unsteady(step, tolerated_us=objective.p99_ms * 1e3 * TOLERANCE)
    missed = _errors(step, objective) or _p99(step, objective)
    if uneven:
        missed = missed or _behind(step)
    if missed and (taken := taken_by_others(step)):
        return _not_judged(f"{missed.why}, and {taken}")
    if missed:
        return missed
    return _not_judged(f"no steady state: {uneven}") if uneven else Judgement(Verdict.HELD)


def falls_behind(step: Step) -> bool:
    """Whether far fewer answers came than requests were due."""
    answered, planned = _kept(step)
    return answered < planned * _KEPT_UP


def _missed(what: str, why: str) -> Judgement:
    return Judgement(Verdict.MISSED, what, why)


def _not_judged(why: str) -> Judgement:
    return Judgement(Verdict.NOT_JUDGED, why=why)


def _errors(step: Step, objective: Objective) -> Judgement | None:
    if figures.error_share(step) <= objective.errors:
        return None
    unsent = figures.missed(step)
    never_sent = f" and {unsent:,} arrivals were never sent" if unsent else ""
    why = f"{failed_part(step)}{never_sent}: {failures(step) or 'too many in flight'}"
    return _missed("errors", why)


def _p99(step: Step, objective: Objective) -> Judgement | None:
    p99_us = percentile_if_known(figures.latency(step), 0.99) or 0.0
    if p99_us <= objective.p99_ms * 1e3:
        return None
    return _missed("p99", f"p99 {ms_text(p99_us)}, over {objective.p99_ms:g} ms")


def _behind(step: Step) -> Judgement | None:
    if not falls_behind(step):
        return None
    answered, planned = _kept(step)
    return _missed("behind", f"only {answered:,} of the {planned:,} requests due were answered")


def _kept(step: Step) -> tuple[int, int]:
    windows = figures.held(step)
    return sum(window.answered for window in windows), sum(window.planned for window in windows)
