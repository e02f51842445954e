"""The tables of the page: the figures of every step, and what stopped it."""

from collections.abc import Sequence
from html import escape

from loadtest.report.columns import Column, first_event, never_sent
from loadtest.report.rows import Row, row_of
from loadtest.report.words import batch, ms, per_second, share
from loadtest.results import Run


def steps_table(run: Run) -> str:
    """A line of figures for each step, latencies in ms; an invalid one is struck through."""
    rows = [row_of(step) for step in run.steps]
    columns = _columns(rows)
    headings = "".join(f"<th>{escape(name)}</th>" for name, _ in columns)
    lines = "".join(_line(row, columns) for row in rows)
    return f"<table><thead><tr><th>step</th>{headings}</tr></thead><tbody>{lines}</tbody></table>"


def reasons_table(run: Run) -> str:
    """The bottleneck of each step with the figures that named it; first that of a search."""
    found = [(step.label, step.bottleneck.value, step.bottleneck_reason) for step in run.steps]
    if "bottleneck_reason" in run.answer:
        answer = {name: str(value) for name, value in run.answer.items()}
        found.insert(0, (run.plan, answer["bottleneck"], answer["bottleneck_reason"]))
    return f"<table><tbody>{''.join(_reason(*one) for one in found)}</tbody></table>"


def _columns(rows: Sequence[Row]) -> list[Column]:
    return [
        ("load", lambda row: row.asked_text),
        ("answers/s", lambda row: per_second(row.per_second)),
        ("mean", lambda row: ms(row.mean_ms)),
        ("p50", lambda row: ms(row.p50_ms)),
        ("p90", lambda row: ms(row.p90_ms)),
        ("p95", lambda row: ms(row.p95_ms)),
        ("p99", lambda row: ms(row.p99_ms)),
        ("p99.9", lambda row: ms(row.p999_ms)),
        ("max", lambda row: ms(row.max_ms)),
        *first_event(rows),
        ("samples", lambda row: f"{row.samples:,}"),
        ("errors", lambda row: share(row.error_share)),
        *never_sent(rows),
        ("429", lambda row: f"{row.limited:,}"),
        ("batch", lambda row: batch(row.mean_batch)),
        ("gen. CPU", lambda row: f"{row.generator_cpu:.0%}"),
    ]


def _line(row: Row, columns: Sequence[Column]) -> str:
    cells = "".join(f"<td>{escape(form(row))}</td>" for _, form in columns)
    if not row.invalid:
        return f"<tr><td>{escape(row.label)}</td>{cells}</tr>"
    badge = '<span class="badge invalid">invalid</span>'
    return (
        f'<tr class="invalid" title="{escape(row.invalid)}">'
        f'<td class="plain">{escape(row.label)} {badge}</td>{cells}</tr>'
    )


def _reason(label: str, bottleneck: str, reason: str) -> str:
    kind = escape(bottleneck)
    badge = f'<span class="badge {kind}">{kind}</span>'
    return (
        f'<tr><td>{escape(label)}</td><td class="words">{badge}</td>'
        f'<td class="long">{escape(reason)}</td></tr>'
    )
