"""A run on a terminal: the steps as a table, what stopped them, and what must be known of them."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadtest.report.findings import answers, notes, reasons
from loadtest.report.rows import Row, row_of
from loadtest.report.words import ms, per_second, share
from loadtest.results import Bottleneck, Run

_HEADINGS = ("LOAD", "ANSWERS/S", "P50 MS", "P99 MS", "P99.9", "SAMPLES", "ERRORS", "429", "BATCH")
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
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    table.add_column("STOPPED BY")
    searched = any(step.objective for step in run.steps)
    if searched:
        table.add_column("OBJECTIVE")
    for step in run.steps:
        row = row_of(step)
        stopped = Text(step.bottleneck.value, style=_COLOURS.get(step.bottleneck, "yellow"))
        if step.invalid:
            stopped = Text("invalid", style="bold red")
        table.add_row(
            Text(row.label),
            *map(Text, _cells(row)),
            stopped,
            *([Text(row.objective_text)] if searched else []),
            style="dim" if step.invalid else "",
        )
    return table


def _cells(row: Row) -> list[str]:
    return [
        row.asked_text,
        per_second(row.per_second),
        ms(row.p50_ms),
        ms(row.p99_ms),
        ms(row.p999_ms),
        f"{row.samples:,}",
        share(row.error_share),
        f"{row.limited:,}",
        f"{row.mean_batch:.1f}",
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
