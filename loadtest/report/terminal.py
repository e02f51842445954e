"""A run on a terminal: the steps as a table, what stopped them, and what must be known of them."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadtest.report.columns import Column, first_event, never_sent
from loadtest.report.findings import answers, notes, reasons
from loadtest.report.rows import Row, row_of
from loadtest.report.words import batch, ms, per_second, share
from loadtest.results import Bottleneck, Run

_COLOURS = {
    Bottleneck.NONE: "green",
    Bottleneck.GENERATOR: "red",
    Bottleneck.UNKNOWN: "red",
}


def print_run(run: Run, console: Console) -> None:
    """Print what a person needs to see at the end of a run."""
    console.print(run_view(run))


def run_view(run: Run) -> RenderableType:
    """The same, to be put beside something else."""
    return Group(_table(run), *_answer(run), *_listed(run))


def _table(run: Run) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("STEP")
    rows = [row_of(step) for step in run.steps]
    columns = _columns(rows)
    for heading, _ in columns:
        table.add_column(heading.upper(), justify="right")
    table.add_column("STOPPED BY")
    searched = any(row.objective for row in rows)
    if searched:
        table.add_column("OBJECTIVE")
    for step, row in zip(run.steps, rows, strict=True):
        cells = [Text(form(row)) for _, form in columns]
        stopped = Text(step.bottleneck.value, style=_COLOURS.get(step.bottleneck, "yellow"))
        if step.invalid:
            stopped = Text("invalid", style="bold red")
        told = [Text(row.objective_text)] if searched else []
        table.add_row(Text(row.label), *cells, stopped, *told, style="dim" if step.invalid else "")
    return table


def _columns(rows: Sequence[Row]) -> list[Column]:
    return [
        ("load", lambda row: row.asked_text),
        ("answers/s", lambda row: per_second(row.per_second)),
        ("p50 ms", lambda row: ms(row.p50_ms)),
        ("p99 ms", lambda row: ms(row.p99_ms)),
        ("p99.9", lambda row: ms(row.p999_ms)),
        *first_event(rows),
        ("samples", lambda row: f"{row.samples:,}"),
        ("errors", lambda row: share(row.error_share)),
        *never_sent(rows),
        ("429", lambda row: f"{row.limited:,}"),
        ("batch", lambda row: batch(row.mean_batch)),
    ]


def _answer(run: Run) -> list[RenderableType]:
    told = [Text.assemble(f"{name}: ", (value, "bold")) for name, value in answers(run)]
    return [Text(), *told] if told else []


def _listed(run: Run) -> list[RenderableType]:
    lines: list[RenderableType] = [Text(f"Note: {note}.", style="dim") for note in notes(run)]
    if run.invalid:
        lines.append(Text("Invalid: these figures must not be used.", style="bold red"))
    lines += [Text(f"  {reason}", style="red") for reason in reasons(run)]
    return [Text(), *lines] if lines else []
