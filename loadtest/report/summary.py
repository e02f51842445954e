"""A run as Markdown, for a pull request: the answer, a table, and what must be known of them."""

from collections.abc import Sequence

from loadtest.report.findings import answers, notes, reasons
from loadtest.report.rows import Row, row_of
from loadtest.report.words import gibibytes, ms, per_second, share
from loadtest.results import Run

_HEADINGS = ("step", "load", "answers/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "samples")
_MORE_HEADINGS = ("errors", "429", "batch", "bottleneck")


def summary(run: Run) -> str:
    """The text of summary.md."""
    blocks = [f"## Load test `{run.plan}`", *_warnings(run), *_answer(run), _table(run)]
    blocks += [_origin(run)]
    told = notes(run)
    if told:
        blocks.append("\n".join(f"- {_plain(note)}" for note in told))
    return "\n\n".join(blocks) + "\n"


def _warnings(run: Run) -> list[str]:
    found = reasons(run)
    if not found:
        return []
    heading = (
        "**Invalid: these figures must not be used.**" if run.invalid else "**Invalid steps:**"
    )
    return ["\n".join(["> [!WARNING]", f"> {heading}", *(f"> - {_plain(one)}" for one in found)])]


def _answer(run: Run) -> list[str]:
    told = answers(run)
    return ["\n".join(f"- {name}: **{_plain(value)}**" for name, value in told)] if told else []


def _table(run: Run) -> str:
    searched = any(step.objective for step in run.steps)
    more = ["objective"] if searched else []
    headings = [*_HEADINGS, *_MORE_HEADINGS, *more]
    rows = [
        [*_cells(row), *([_plain(row.objective)] if searched else [])]
        for row in map(row_of, run.steps)
    ]
    figures = len(headings) - len(more) - 3
    rule = ["---", "---", *["---:"] * figures, "---", *["---" for _ in more]]
    return "\n".join(_line(cells) for cells in [headings, rule, *rows])


def _cells(row: Row) -> list[str]:
    return [
        _plain(row.label) + (" (invalid)" if row.invalid else ""),
        row.asked_text,
        per_second(row.per_second),
        *(ms(value) for value in (row.p50_ms, row.p90_ms, row.p99_ms, row.p999_ms)),
        f"{row.samples:,}",
        share(row.error_share),
        f"{row.limited:,}",
        f"{row.mean_batch:.1f}",
        row.bottleneck,
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _origin(run: Run) -> str:
    machine = run.machine
    triton = run.triton.get("version", "not known")
    models = ", ".join(f"{name} `{value}`" for name, value in run.models.items()) or "not known"
    return (
        f"{run.started_at}, commit {run.commit or 'not known'}; Triton {triton}; models {models}; "
        f"{machine.cores} cores of {machine.processor}, {gibibytes(machine.memory_bytes)}, "
        f"{machine.system}, load {machine.load_average:.1f} at the start."
    )


def _plain(text: str) -> str:
    """Text that says nothing in Markdown."""
    for character in "\\`*_<>[]|#":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
