"""Two runs against one another: on a terminal, and as Markdown for a pull request."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.comparing import Comparison, Difference, Verdict
from loadtest.report.words import ms, per_second

_COLOURS = {
    Verdict.BETTER: "green",
    Verdict.SAME: "",
    Verdict.WORSE: "bold red",
    Verdict.UNCLEAR: "yellow",
}
_HEADINGS = ("step", "figure", "before", "after", "ratio", "95 % interval", "verdict")
_NAMES = {
    "throughput": "answers/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "good_share": "good answers",
}


def print_comparison(found: Comparison, console: Console) -> None:
    """Print what makes the differences less than fair, and then them."""
    for note in _notes(found):
        console.print(Text(f"Note: {note}.", style="dim"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(_HEADINGS):
        table.add_column(heading.upper(), justify="right" if 2 <= number <= 5 else "left")
    for one in found.differences:
        *cells, told = _cells(one)
        table.add_row(*map(Text, cells), Text(told, style=_COLOURS[one.verdict]))
    console.print(table)
    for reason in found.invalid:
        console.print(Text(f"Invalid: {reason}", style="bold red"))
    console.print(Text(conclusion(found), style="bold"))


def comparison_markdown(found: Comparison) -> str:
    """The same for a pull request."""
    lines = [f"### {conclusion(found)}", ""]
    lines += [f"> **Invalid:** {reason}" for reason in found.invalid]
    if told := _notes(found):
        lines += [*(f"- {note}" for note in told), ""]
    rows = [_HEADINGS, ("---", "---", *["---:"] * 4, "---"), *map(_cells, found.differences)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def conclusion(found: Comparison) -> str:
    """The one sentence that matters.

    It names the steps that got worse, so that a reader of a log needs no table.
    """
    if found.invalid:
        return "The runs cannot be compared."
    worse = [one for one in found.differences if one.verdict is Verdict.WORSE]
    if worse:
        named = ", ".join(f"{_NAMES.get(one.metric, one.metric)} of {one.step}" for one in worse)
        return f"Worse by more than {found.bound:.0%}: {named}."
    unclear = sum(one.verdict is Verdict.UNCLEAR for one in found.differences)
    whole = len(found.differences)
    if not found.tells:
        return f"Cannot tell: {unclear} of {whole} are unclear. Measure longer."
    if unclear:
        return (
            f"{unclear} of {whole} are unclear: measure longer. "
            f"Of the others nothing is worse by more than {found.bound:.0%}."
        )
    return f"Nothing is worse by more than {found.bound:.0%}."


def _cells(one: Difference) -> tuple[str, ...]:
    return (
        one.step,
        _NAMES.get(one.metric, one.metric),
        _figure(one.metric, one.before),
        _figure(one.metric, one.after),
        f"{one.ratio:.3f}",
        f"{one.low:.3f} to {one.high:.3f}",
        one.verdict.value,
    )


def _figure(metric: str, value: float) -> str:
    if metric.endswith("_share"):
        return f"{value:.3%}"
    return ms(value) if metric.endswith("_ms") else per_second(value)


def _notes(found: Comparison) -> list[str]:
    told = [f"{label} is only in {found.before}" for label in found.only_before]
    told += [f"{label} is only in {found.after}" for label in found.only_after]
    return told + found.notes
