"""What `conch tune` prints: a line a trial, the front, the verdict."""

from typing import Any

from rich.table import Table

from stack.tuning.front import Point, front
from stack.tuning.tune import Report, Verdict
from stack.tuning.values import Values


def progress_line(report: Report) -> str:
    """`instances 2, … : x1.12`"""
    return f"{report.values}: {report.text}"


def front_table(verdict: Verdict) -> Table:
    """The points that no other beats, and all of the shipped and of the chosen values."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("REQ/S", "P99 MS", "USERS"):
        table.add_column(heading, justify="right")
    for heading in verdict.shipped.texts():
        table.add_column(heading.upper(), justify="right")
    table.add_column("")
    best = front(verdict.points)
    shown = [point for point in verdict.points if point in best or _is_named(point, verdict)]
    for point in sorted(shown, key=lambda point: (point.users, point.p99_ms)):
        marks = [_name(point.values, verdict), "on the front" if point in best else ""]
        table.add_row(
            f"{point.per_second:,.0f}",
            f"{point.p99_ms:.2f}",
            str(point.users),
            *point.values.texts().values(),
            ", ".join(filter(None, marks)),
        )
    return table


def gain_lines(verdict: Verdict) -> list[str]:
    """The final rounds in words; none where there were none."""
    if verdict.gain is None:
        return []
    lines = [
        f"chance alone, in one turn: up to {verdict.margin:.0%}",
        f"shipped: {verdict.shipped}",
        f"chosen:  {verdict.chosen}",
        f"chosen over shipped: x{verdict.gain}",
    ]
    lines += [
        f"{users} users: throughput x{verdict.rates[users]}, p99 x{ratio}"
        for users, ratio in verdict.p99.items()
    ]
    if verdict.largest_difference is not None:
        lines.append(f"largest difference between their answers: {verdict.largest_difference:.1e}")
    return lines


def outcome_line(
    verdict: Verdict, name: str, version: int, written: int | None, *, live: bool
) -> str:
    """What became of it, and the way back."""
    if written is not None:
        since = "" if live else " from the next start on"
        return f"{name} serves version {written}{since}. The way back: conch rollback {name}"
    why_not = "--dry-run" if verdict.better else verdict.why_not
    return f"Nothing was written: {why_not}. {name} serves version {version} as before."


def as_dict(verdict: Verdict, **more: Any) -> dict[str, Any]:
    """For --json."""
    return {
        "better": verdict.better,
        "why_not": verdict.why_not,
        "shipped": _values(verdict.shipped),
        "chosen": _values(verdict.chosen),
        "noise": round(verdict.margin, 4),
        "gain": verdict.gain._asdict() if verdict.gain else None,
        "throughput_ratio": {str(users): ratio._asdict() for users, ratio in verdict.rates.items()},
        "p99_ratio": {str(users): ratio._asdict() for users, ratio in verdict.p99.items()},
        "largest_difference": verdict.largest_difference,
        "points": [_point(point, verdict) for point in verdict.points],
        **more,
    }


def _point(point: Point, verdict: Verdict) -> dict[str, Any]:
    return {
        **_values(point.values),
        "users": point.users,
        "per_second": round(point.per_second, 1),
        "p99_ms": round(point.p99_ms, 3),
        "on_front": point in front(verdict.points),
    }


def _values(values: Values) -> dict[str, Any]:
    return {
        "instances": values.instances,
        "queue_delay_us": values.queue_delay_us,
        "max_batch": values.max_batch,
        "preferred_batch": values.preferred_batch,
        "threads": values.threads,
    }


def _is_named(point: Point, verdict: Verdict) -> bool:
    return point.values in (verdict.shipped, verdict.chosen)


def _name(values: Values, verdict: Verdict) -> str:
    if values == verdict.shipped:
        return "shipped"
    return "chosen" if values == verdict.chosen else ""
