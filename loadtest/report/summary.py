"""A run as Markdown, for a pull request: the answer, a table, and what must be known of them."""

from collections.abc import Sequence

from loadtest.report.columns import Column, first_event, never_sent
from loadtest.report.findings import answers, notes, reasons
from loadtest.report.rows import Row, row_of
from loadtest.report.words import batch, gibibytes, ms, per_second, share
from loadtest.results import Run


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
    rows = [row_of(step) for step in run.steps]
    columns = _columns(rows)
    told: list[Column] = [("objective", lambda row: _plain(row.objective))]
    more = told if any(row.objective for row in rows) else []
    headings = [name for name, _ in [*columns, *more]]
    rule = ["---", "---", *["---:"] * (len(columns) - 3), "---", *["---" for _ in more]]
    lines = [[form(row) for _, form in [*columns, *more]] for row in rows]
    return "\n".join(_line(cells) for cells in [headings, rule, *lines])


def _columns(rows: Sequence[Row]) -> list[Column]:
    return [
        ("step", lambda row: _plain(row.label) + (" (invalid)" if row.invalid else "")),
        ("load", lambda row: row.asked_text),
        ("answers/s", lambda row: per_second(row.per_second)),
        ("p50 ms", lambda row: ms(row.p50_ms)),
        ("p90 ms", lambda row: ms(row.p90_ms)),
        ("p99 ms", lambda row: ms(row.p99_ms)),
        ("p99.9 ms", lambda row: ms(row.p999_ms)),
        *first_event(rows),
        ("samples", lambda row: f"{row.samples:,}"),
        ("errors", lambda row: share(row.error_share)),
        *never_sent(rows),
        ("429", lambda row: f"{row.limited:,}"),
        ("batch", lambda row: batch(row.mean_batch)),
        ("bottleneck", lambda row: row.bottleneck),
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
