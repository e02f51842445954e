"""Reasons why the figures of a step must not be trusted: it is then invalid, and not reported."""

from loadtest.bottleneck import GENERATOR_CPU, generator_cpu
from loadtest.figures import answered, errors, held, limited, measured, missed
from loadtest.results import Loop, Step

_MISSED_SHARE = 0.001
# Of the seconds that a step was to be held, and of which no window came.
_LOST_SHARE = 0.1


def invalid_reasons(
    step: Step, *, limits_expected: bool = False, warmup_needed: bool = True
) -> list[str]:
    """Everything that spoils a step, told by itself; that no steady state came, its plan adds.

    `limits_expected`: 429 is what this plan is about. What was seen between the looks at the
    servers (a restart, a jump of the clock) is told by `Observed.reasons`.
    """
    found = [
        _generator(step),
        _no_answers(step),
        _limits(step, expected=limits_expected),
        _missed(step),
        _lost_windows(step),
        _warmup(step) if warmup_needed else "",
    ]
    return [reason for reason in found if reason]


def overload_reasons(step: Step) -> list[str]:
    """Those which say that the server, and not the measurement, was at its end."""
    found = [_limits(step, expected=False), _missed(step)]
    return [reason for reason in found if reason]


def _generator(step: Step) -> str:
    cpu = generator_cpu(step)
    if cpu < GENERATOR_CPU:
        return ""
    return (
        f"the generator used {cpu:.0%} of a core, and its own waiting is in the latencies: "
        "start more processes of it, or ask for less"
    )


def _no_answers(step: Step) -> str:
    if answered(step):
        return ""
    failures = errors(step)
    if not failures:
        return "there was no good answer"
    name = max(failures, key=failures.__getitem__)
    return f"there was no good answer; {failures[name]:,} times: {name}"


def _limits(step: Step, *, expected: bool) -> str:
    refused = limited(step)
    if expected or not refused:
        return ""
    return f"{refused:,} answers were 429: the key has limits; take one without, or expect them"


def _missed(step: Step) -> str:
    planned = sum(window.planned for window in measured(step))
    lost = missed(step)
    if step.load.loop is not Loop.OPEN or lost <= planned * _MISSED_SHARE:
        return ""
    return (
        f"{lost:,} of {planned:,} arrivals were never sent, as {step.load.max_in_flight:,} "
        "requests were in flight: the load that was asked for was not there"
    )


def _lost_windows(step: Step) -> str:
    # Of a last second that was not full there may be no window.
    due, seen = int(step.load.duration_s), len(held(step))
    if due - seen <= max(1.0, due * _LOST_SHARE):
        return ""
    return f"of {due} seconds only {seen} were measured: the generator stopped, or was stopped"


def _warmup(step: Step) -> str:
    if step.load.warmup_s > 0:
        return ""
    return "there was no warm-up: first executions and new connections are in the figures"
