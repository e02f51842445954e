"""Columns of a table of steps that only some runs need."""

from collections.abc import Callable, Sequence

from loadtest.report.rows import Row
from loadtest.report.words import ms
from loadtest.results import Loop

# A heading, and what stands below it for each step.
Column = tuple[str, Callable[[Row], str]]


def never_sent(rows: Sequence[Row]) -> list[Column]:
    """Arrivals for which too many were in flight, where a loop is open."""
    if all(row.loop != Loop.OPEN for row in rows):
        return []
    return [("never sent", lambda row: f"{row.missed:,}")]


def first_event(rows: Sequence[Row]) -> list[Column]:
    """The time to the first event, in ms, where answers are streams."""
    if all(row.first_event_p50_ms is None for row in rows):
        return []
    return [
        ("first p50", lambda row: ms(row.first_event_p50_ms)),
        ("first p99", lambda row: ms(row.first_event_p99_ms)),
    ]
