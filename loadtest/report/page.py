"""The report of a run as one HTML page, which loads nothing from anywhere and runs no script."""

from collections.abc import Sequence
from html import escape
from string import Template

from loadtest.figures import throughput
from loadtest.report.findings import answers, notes, reasons
from loadtest.report.page_style import STYLE
from loadtest.report.page_table import reasons_table, steps_table
from loadtest.report.pictures import (
    batches_picture,
    breakdown_picture,
    curve_picture,
    timeline_picture,
)
from loadtest.report.rows import row_of
from loadtest.report.series import batches
from loadtest.report.words import gibibytes, ms, per_second, share
from loadtest.results import Run, Step

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Load test: $title</title>
<style>$style</style>
</head>
<body><main>
<h1>Load test: $title</h1>
<p class="quiet">$subtitle</p>
$blocks
</main></body>
</html>
""")
# An answer in words is set smaller than a figure.
_LONG_ANSWER = 12
# A longer one is a sentence, and no figure to show off.
_LONGEST_TILE = 40


def page(run: Run) -> str:
    """The text of report.html."""
    blocks = [
        _banner(run),
        _tiles(run),
        _section(
            "Latency over throughput",
            "Each point is a step. Latency is of good answers: from the planned time in an open "
            "loop, from the sending in a closed one.",
            curve_picture(run),
        ),
        _section(
            "Steps",
            "Latencies are in ms. A percentile is left out where there are too few samples for "
            "it: p99.9 needs 10,000.",
            steps_table(run),
        ),
        _section("Why it stops there", "What kept each step from doing more.", reasons_table(run)),
        _section(
            "Where the time goes",
            "The mean latency of a good answer. Queue and compute are Triton's own counters, "
            "gateway is what the gateway itself measured, network is the rest; figures are ms.",
            breakdown_picture(run),
        ),
        *_batches(run),
        _section("Second by second", "", timeline_picture(run)),
        _notes(run),
        _section("Where and against what", "", _facts(run)),
    ]
    return _PAGE.substitute(
        title=escape(_title(run)),
        subtitle=escape(_subtitle(run)),
        style=STYLE,
        blocks="\n".join(block for block in blocks if block),
    )


def _title(run: Run) -> str:
    return f"{run.plan} of {', '.join(run.models)}" if run.models else run.plan


def _subtitle(run: Run) -> str:
    seconds = sum(step.load.warmup_s + step.load.duration_s for step in run.steps)
    steps = "1 step" if len(run.steps) == 1 else f"{len(run.steps)} steps"
    return f"{run.started_at} · {steps}, {seconds:,.0f} s of load"


def _section(title: str, text: str, content: str) -> str:
    if not content:
        return ""
    told = f'<p class="quiet">{escape(text)}</p>' if text else ""
    return f'<section><h2>{escape(title)}</h2>{told}<div class="wide">{content}</div></section>'


def _banner(run: Run) -> str:
    found = reasons(run)
    if not found:
        return ""
    kind, title = "banner", "Some steps are invalid: their figures must not be used"
    if run.invalid:
        kind, title = "banner alarm", "Invalid: the figures of this run must not be used"
    return f'<section class="{kind}" role="alert"><h2>{title}</h2>{_list(found)}</section>'


def _notes(run: Run) -> str:
    found = notes(run)
    if not found:
        return ""
    return f'<section class="notes"><h2>To know</h2>{_list(found)}</section>'


def _list(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def _tiles(run: Run) -> str:
    told = answers(run) or _best(run)
    tiles = "".join(_tile(*one) for one in told if len(one[1]) <= _LONGEST_TILE)
    said = [f"{name}: {value}" for name, value in told if len(value) > _LONGEST_TILE]
    tiles = f'<div class="tiles">{tiles}</div>' if tiles else ""
    return tiles + (f'<section class="notes">{_list(said)}</section>' if said else "")


def _tile(name: str, value: str) -> str:
    words = ' class="words"' if len(value) > _LONG_ANSWER else ""
    return f'<div class="tile"><span>{escape(name)}</span><b{words}>{escape(value)}</b></div>'


def _best(run: Run) -> list[tuple[str, str]]:
    """Of a plan that was asked nothing: its valid step with most answers."""
    step: Step | None = max(
        (step for step in run.steps if not step.invalid), key=throughput, default=None
    )
    if step is None:
        return []
    row = row_of(step)
    return [
        ("most answers a second", per_second(row.per_second)),
        ("p50 there", f"{ms(row.p50_ms)} ms"),
        ("p99 there", f"{ms(row.p99_ms)} ms"),
        ("errors there", share(row.error_share)),
    ]


def _batches(run: Run) -> list[str]:
    return [
        _section(
            f"Batch sizes of {found.model}",
            f"Share of executions in {found.label}, the valid step with most samples a second; "
            f"mean batch {found.mean:.1f}.",
            batches_picture(found),
        )
        for found in batches(run)
    ]


def _facts(run: Run) -> str:
    machine = run.machine
    facts = [
        ("commit", run.commit or "not known"),
        (
            "machine",
            f"{machine.cores} cores, {machine.processor}, {gibibytes(machine.memory_bytes)}",
        ),
        (
            "system",
            f"{machine.system}, Python {machine.python}, "
            f"load {machine.load_average:.2f} at the start",
        ),
        *((f"Triton {name}", value) for name, value in run.triton.items()),
        *((f"model {name}", f"configuration {value}") for name, value in run.models.items()),
        *((name, value) for name, value in run.traffic.items() if value),
        *((f"--{name.replace('_', '-')}", value) for name, value in run.options.items()),
    ]
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f'<dl class="facts">{told}</dl>'
