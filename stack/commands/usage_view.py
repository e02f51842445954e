"""How `conch usage` shows usage: as a table with its total, as JSON and as CSV."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import datetime

import typer
from rich.table import Table

from gateway.usage.counts import Counts
from gateway.usage.query import UsageQuery, UsageRow, counts_record, total
from stack.console import console


def print_usage(query: UsageQuery, rows: Sequence[UsageRow]) -> None:
    """A line for each group, then their sum."""
    if not rows:
        typer.echo("Nothing was used.", err=True)
        return
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=len(rows) > 1)
    first, *others = query.by
    table.add_column(first.upper(), footer="total")
    for by in others:
        table.add_column(by.upper())
    for name, value in counts_record(total(rows)).items():
        heading = name.replace("_", " ").upper()
        table.add_column(heading, justify="right", footer=_number(value))
    for row in rows:
        numbers = map(_number, counts_record(row.counts).values())
        table.add_row(*(name or "-" for name in row.group), *numbers)
    console(markup=False).print(table)


def print_json(query: UsageQuery, rows: Sequence[UsageRow]) -> None:
    """An object with the period, the groups and their sum."""
    told = {
        "since": _iso(query.since),
        "until": _iso(query.until),
        "usage": [_record(query, row) for row in rows],
        "total": counts_record(total(rows)),
    }
    typer.echo(json.dumps(told, indent=2))


def print_csv(query: UsageQuery, rows: Sequence[UsageRow]) -> None:
    """A heading, then a line for each group; no total, which would be added to the rest."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*query.by, *counts_record(Counts())])
    writer.writerows([*row.group, *counts_record(row.counts).values()] for row in rows)


def _record(query: UsageQuery, row: UsageRow) -> dict[str, object]:
    groups = zip(query.by, row.group, strict=True)
    return {**{by.value: name for by, name in groups}, **counts_record(row.counts)}


def _number(value: int | float) -> str:
    return f"{value:,.0f}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
