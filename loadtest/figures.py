"""What a step's windows say together: rate, latency, errors; the warm-up is left out.

After the load has ended there may be further windows, in which the last requests are answered:
their latencies count, and their seconds do not.
"""

from loadtest.histogram import merged
from loadtest.results import Histogram, Loop, Step, Window


def measured(step: Step) -> list[Window]:
    """The windows that count."""
    return [window for window in step.windows if not window.warmup]


def is_held(step: Step, window: Window) -> bool:
    """Whether the load was on in this window."""
    return window.at_s < step.load.warmup_s + step.load.duration_s


def held(step: Step) -> list[Window]:
    """The windows that count in which the load was on."""
    return [window for window in measured(step) if is_held(step, window)]


def latency(step: Step) -> Histogram:
    """Of good answers: from the planned time in an open loop, from the sending in a closed one."""
    return merged(window_latency(step, window) for window in measured(step))


def window_latency(step: Step, window: Window) -> Histogram:
    """The same of one window."""
    return window.corrected if step.load.loop is Loop.OPEN else window.service


def throughput(step: Step) -> float:
    """Good answers a second, while the load was on."""
    windows = held(step)
    return sum(window.answered for window in windows) / len(windows) if windows else 0.0


def answered(step: Step) -> int:
    """Good answers."""
    return sum(window.answered for window in measured(step))


def limited(step: Step) -> int:
    """Answers with the status 429."""
    return sum(window.limited for window in measured(step))


def errors(step: Step) -> dict[str, int]:
    """How often each failure was seen; 429 is none."""
    counts: dict[str, int] = {}
    for window in measured(step):
        for name, number in window.errors.items():
            counts[name] = counts.get(name, 0) + number
    return counts


def missed(step: Step) -> int:
    """Arrivals that were due and not sent."""
    return sum(window.missed for window in measured(step))


def failed_share(step: Step) -> float:
    """Of all that was sent, the part that failed; 429 is no error."""
    bad = sum(errors(step).values())
    whole = answered(step) + limited(step) + bad
    return bad / whole if whole else 0.0


def first_event(step: Step) -> Histogram:
    """Of good answers that are streams: from the sending to the first event."""
    return merged(window.first_event for window in measured(step))


def planned_rate(step: Step) -> float:
    """Arrivals that were due in a second, in the mean (open loop)."""
    windows = held(step)
    return sum(window.planned for window in windows) / len(windows) if windows else 0.0


def error_share(step: Step) -> float:
    """Of all that was due, the part that failed or was never sent; 429 is no error."""
    bad = sum(errors(step).values()) + missed(step)
    whole = answered(step) + limited(step) + bad
    return bad / whole if whole else 0.0
