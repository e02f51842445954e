"""What a plan gives back."""

from dataclasses import dataclass, field

from loadtest.figures import answered, errors, failed_share, limited
from loadtest.results import Step

# Seconds before the measured part of a step: first connections, first executions.
WARMUP_S = 2.0
# Of fewer answers the slowest one would be the p99.
P99_SAMPLES = 100


@dataclass(frozen=True)
class Outcome:
    """The answer of a plan, and why it must not be trusted, if so."""

    answer: dict[str, float | str]
    invalid: list[str] = field(default_factory=list)
    # Label of a step -> why the plan does not trust it, besides what the step says itself.
    spoilt: dict[str, str] = field(default_factory=dict)
    # Label of a step -> whether the objective of a search was held there, missed, or not judged.
    objective: dict[str, str] = field(default_factory=dict)
    # The bounds of the plan that figures which may be used went beyond.
    missed: list[str] = field(default_factory=list)


def reasons(steps: list[Step]) -> list[str]:
    """What makes these steps invalid, each named by its step."""
    return [f"{step.label}: {reason}" for step in steps for reason in step.invalid]


def failures(step: Step) -> str:
    """The failures of a step in words, most frequent first; empty where there were none."""
    seen = sorted(errors(step).items(), key=lambda item: -item[1])
    return ", ".join(f"{number:,} times {name}" for name, number in seen)


def failed_part(step: Step) -> str:
    """How many requests failed, in words."""
    bad = round(failed_share(step) * 100, 2)
    sent = answered(step) + limited(step) + sum(errors(step).values())
    return f"{bad:g} % of {sent:,} requests failed"
