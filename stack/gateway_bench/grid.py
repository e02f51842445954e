"""A table of figures, for a terminal and for a page."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Grid:
    """A table before it is known where it is shown; the first column is text, the rest figures."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def for_terminal(self) -> Table:
        table = Table(
            title=self.title,
            box=None,
            pad_edge=False,
            header_style="bold",
            title_justify="left",
            title_style="bold",
        )
        for number, heading in enumerate(self.headings):
            table.add_column(heading.upper(), justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def for_page(self) -> str:
        lines = [self.headings, ("---", *("---:" for _ in self.headings[1:])), *self.rows]
        return "\n".join([f"{self.title}:", "", *(f"| {' | '.join(line)} |" for line in lines)])


def spread(values: Iterable[float], form: str = "{:,.0f}") -> str:
    """`"22 (20 to 25)"`: median, lowest and highest."""
    values = list(values)
    median, low, high = statistics.median(values), min(values), max(values)
    if len(values) == 1:
        return form.format(median)
    return f"{form.format(median)} ({form.format(low)} to {form.format(high)})"
