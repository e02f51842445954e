"""Compares two runs step by step: did it get worse, and by more than chance explains?

Steps are matched by their label. Each figure is told as the ratio after/before with an interval of
95 % by the bootstrap over the seconds of both steps. The interval knows how uneven the seconds of
these two runs were; what differs from one day to the next, no run of one day can know.
"""

import random
import re
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from loadtest.errors import OptionError
from loadtest.figures import held, is_held, measured, window_latency
from loadtest.histogram import GROWTH, merged, percentile
from loadtest.resampling import blocks, drawn, interval
from loadtest.results import Loop, Run, Step, Window

BOUND = 0.05
# Of what is rounded to buckets no smaller difference can be told.
LEAST_BOUND = round(GROWTH - 1, 9)
# By how much a ratio of exactly one bucket may miss it in floating point.
_ROUNDING = 1e-9
# Of requests that fail, a much smaller part matters than of time.
_ERRORS_BOUND = 0.001
# Drawing again and again from fewer seconds than these says nothing of how uneven they are.
LEAST_WINDOWS = 5
# What only decides which of many like requests is next.
_BY_CHANCE = ("seed", "pool")
_TRIAL = re.compile(r" \(trial \d+\)$")


class Verdict(StrEnum):
    """What the ratio and its interval say of a figure, given the bound."""

    BETTER = "better"  # beyond the bound for the good, and so is all of the interval
    SAME = "same"  # all of the interval is within the bound
    WORSE = "worse"  # beyond the bound for the bad, and so is all of the interval
    UNCLEAR = "unclear"  # the interval is too wide to tell, or rests on fewer than 5 seconds


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one step in both runs."""

    step: str
    metric: str  # throughput, p50_ms, p99_ms or good_share
    before: float
    after: float
    ratio: float  # after / before
    low: float
    high: float
    verdict: Verdict


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs against one another."""

    before: str  # where the runs were read from
    after: str
    bound: float
    differences: list[Difference]
    only_before: list[str]  # labels of steps that the other run has not
    only_after: list[str]
    notes: list[str]  # what makes the comparison less than fair
    invalid: list[str]  # why it must not be trusted

    @property
    def regressed(self) -> bool:
        """Whether a figure got worse beyond the bound."""
        return any(found.verdict is Verdict.WORSE for found in self.differences)

    @property
    def tells(self) -> bool:
        """Whether any figure has a verdict: of nothing but unclear ones nothing follows."""
        return any(found.verdict is not Verdict.UNCLEAR for found in self.differences)


def compare(
    before: Run, after: Run, *, bound: float = BOUND, names: tuple[str, str] = ("before", "after")
) -> Comparison:
    """Compare what both runs measured; steps that are invalid are named and left out.

    One that was valid before and is not any more makes the comparison invalid: that a load cannot
    be held any more is the worst that can come of a change. Raises OptionError below LEAST_BOUND.
    """
    if bound < LEAST_BOUND:
        raise OptionError(
            f"A bound of {bound * 100:g}% is finer than latencies are kept: two that are the same "
            f"may be told {LEAST_BOUND:.0%} apart. Give {LEAST_BOUND:.0%} or more."
        )
    old, new = _by_label(before), _by_label(after)
    both = [label for label in old if label in new]
    usable = [label for label in both if not (old[label].invalid or new[label].invalid)]
    return Comparison(
        before=names[0],
        after=names[1],
        bound=bound,
        differences=[
            found for label in usable for found in _differences(old[label], new[label], bound)
        ],
        only_before=[label for label in old if label not in new],
        only_after=[label for label in new if label not in old],
        notes=_notes(before, after, names)
        + [f"{label} is left out: it is invalid" for label in both if label not in usable],
        invalid=_invalid(before, after, names, usable) + _lost(old, new, both),
    )


def _lost(old: dict[str, Step], new: dict[str, Step], both: list[str]) -> list[str]:
    return [
        f"{label} was valid before and is not any more: {'; '.join(new[label].invalid)}"
        for label in both
        if new[label].invalid and not old[label].invalid
    ]


def _by_label(run: Run) -> dict[str, Step]:
    # Of several trials of a load the last one counts: that it was the last says it was taken.
    return {_TRIAL.sub("", step.label): step for step in run.steps}


def _differences(before: Step, after: Step, bound: float) -> list[Difference]:
    label = _TRIAL.sub("", before.label)
    short = min(len(held(before)), len(held(after))) < LEAST_WINDOWS
    found = []
    for metric, (figure, more_is_better) in _METRICS.items():
        own_bound = min(bound, _ERRORS_BOUND) if metric == "good_share" else bound
        old, new = figure(before, measured(before)), figure(after, measured(after))
        if old <= 0:
            continue
        low, high = interval(_ratio_drawer(before, after, figure))
        found.append(
            Difference(
                step=label,
                metric=metric,
                before=old,
                after=new,
                ratio=new / old,
                low=low,
                high=high,
                verdict=Verdict.UNCLEAR
                if short
                else verdict(low, high, own_bound, more_is_better=more_is_better),
            )
        )
    return found


def verdict(low: float, high: float, bound: float, *, more_is_better: bool) -> Verdict:
    """What an interval of the ratio after/before says."""
    most = (1 + bound) * (1 + _ROUNDING)
    least = 1 / most
    if low > most:
        return Verdict.BETTER if more_is_better else Verdict.WORSE
    if high < least:
        return Verdict.WORSE if more_is_better else Verdict.BETTER
    within = least <= low and high <= most
    return Verdict.SAME if within else Verdict.UNCLEAR


def _ratio_drawer(before: Step, after: Step, figure: "_Figure") -> Callable[[random.Random], float]:
    old_blocks, new_blocks = blocks(measured(before)), blocks(measured(after))

    def draw(rng: random.Random) -> float:
        old = figure(before, drawn(rng, old_blocks))
        return figure(after, drawn(rng, new_blocks)) / old if old > 0 else 1.0

    return draw


def _throughput(step: Step, windows: Sequence[Window]) -> float:
    on = [window for window in windows if is_held(step, window)]
    return sum(window.answered for window in on) / len(on) if on else 0.0


def _good_share(step: Step, windows: Sequence[Window]) -> float:
    good = sum(window.answered + window.limited for window in windows)
    bad = sum(sum(window.errors.values()) + window.missed for window in windows)
    return good / (good + bad) if good + bad else 0.0


def _percentile_ms(quantile: float) -> "_Figure":
    def figure(step: Step, windows: Sequence[Window]) -> float:
        latency = merged(window_latency(step, window) for window in windows)
        return percentile(latency, quantile) / 1e3 if latency.counts else 0.0

    return figure


_Figure = Callable[[Step, Sequence[Window]], float]
# Name -> the figure, and whether more of it is better.
_METRICS: dict[str, tuple[_Figure, bool]] = {
    "throughput": (_throughput, True),
    "p50_ms": (_percentile_ms(0.50), False),
    "p99_ms": (_percentile_ms(0.99), False),
    "good_share": (_good_share, True),
}


def _notes(before: Run, after: Run, names: tuple[str, str]) -> list[str]:
    """What differs between the runs besides the figures."""
    pairs = {
        "plan": (before.plan, after.plan),
        "processor": (before.machine.processor, after.machine.processor),
        "cores": (str(before.machine.cores), str(after.machine.cores)),
        "Triton": (before.triton.get("version", ""), after.triton.get("version", "")),
        "arrivals": (_arrivals(before), _arrivals(after)),
    }
    found = [
        f"{name} differs: {old} and {new}"
        for name, (old, new) in pairs.items()
        if "" not in (old, new) and old != new
    ]
    found += [
        f"model {name} is not the same in both"
        for name in before.models
        if name in after.models and before.models[name] != after.models[name]
    ]
    return found + _other_traffic(before, after, names)


def _arrivals(run: Run) -> str:
    """Of its open loops; empty where all are closed."""
    kinds = dict.fromkeys(s.load.arrivals for s in run.steps if s.load.loop is Loop.OPEN)
    return ", ".join(kinds)


def _other_traffic(before: Run, after: Run, names: tuple[str, str]) -> list[str]:
    """Where requests were not the same, so that the figures are of two questions."""
    old, new = before.traffic, after.traffic
    if not (old or new):
        return []
    if not (old and new):
        which = names[0] if new else names[1]
        return [f"batch, models, transport and url of {which} are unknown: it was kept without"]
    return [
        f"{name} differs: {old.get(name) or 'none'} and {new.get(name) or 'none'}"
        for name in dict.fromkeys([*old, *new])
        if name not in _BY_CHANCE and old.get(name) != new.get(name)
    ]


def _invalid(before: Run, after: Run, names: tuple[str, str], usable: list[str]) -> list[str]:
    found = [f"{names[0]} is invalid: {reason}" for reason in before.invalid]
    found += [f"{names[1]} is invalid: {reason}" for reason in after.invalid]
    return found if usable else [*found, "the runs have no valid step in common"]
