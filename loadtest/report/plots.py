"""The pictures of a run as PNG files, by matplotlib: for a chat, a slide or a pull request."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from loadtest.report.scales import LOGARITHMIC_FROM
from loadtest.report.series import (
    PARTS,
    QUANTILES,
    Batches,
    bars,
    batches,
    curve,
    timeline,
)
from loadtest.report.words import ms
from loadtest.results import Run

_DPI = 120
_COLOURS = {
    "p50": "#2f7fd1",
    "p90": "#8a63d2",
    "p99": "#d9480f",
    "answered": "#2b8a5e",
    "errors": "#d6336c",
    "limited": "#e8a200",
    "missed": "#868e96",
    "generator": "#98a2ae",
    "network": "#4c9be8",
    "gateway": "#8a63d2",
    "queue": "#f08c00",
    "compute": "#2b9a66",
}


def write_plots(folder: Path, run: Run) -> None:
    """Write those pictures that the run has figures for."""
    if curve(run):
        _save(folder / "curve.png", _curve(run))
    if bars(run):
        _save(folder / "breakdown.png", _breakdown(run))
    if timeline(run)[0]:
        _save(folder / "timeline.png", _timeline(run))
    for found in batches(run):
        # A name may hold what a path must not.
        _save(folder / f"batches-{found.model.replace('/', '_')}.png", _batches(found))


def _save(path: Path, figure: Figure) -> None:
    figure.savefig(path, dpi=_DPI)


def _figure(height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, height), layout="constrained")
    found = figure.subplots(rows, 1, squeeze=False)
    every = [row[0] for row in found]
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
    return figure, every


def _curve(run: Run) -> Figure:
    figure, (axes,) = _figure(4.5)
    points = curve(run)
    for name in QUANTILES:
        known = [(point.per_second, point.ms[name]) for point in points if name in point.ms]
        axes.plot(*zip(*known, strict=True), marker="o", color=_COLOURS[name], label=name)
    spoiled = [
        (point.per_second, value)
        for point in points
        if not point.is_valid
        for value in point.ms.values()
    ]
    if spoiled:
        axes.plot(*zip(*spoiled, strict=True), "x", color="black", label="invalid step")
    values = [value for point in points for value in point.ms.values() if value > 0]
    if values and max(values) >= min(values) * LOGARITHMIC_FROM:
        _logarithmic(axes)
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set(xlabel="good answers a second", ylabel="latency, ms", title=_title(run))
    axes.legend(frameon=False)
    return figure


def _breakdown(run: Run) -> Figure:
    rows = bars(run)
    figure, (axes,) = _figure(1.6 + 0.35 * len(rows))
    wholes = [sum(parts.values()) or 1.0 for _, parts in rows]
    reached = [0.0] * len(rows)
    places = list(range(len(rows)))
    for part in PARTS:
        widths = [100 * row[part] / whole for (_, row), whole in zip(rows, wholes, strict=True)]
        axes.barh(places, widths, left=reached, color=_COLOURS[part], label=part, height=0.7)
        reached = [start + width for start, width in zip(reached, widths, strict=True)]
    labels = [f"{label}  ({ms(w)} ms)" for (label, _), w in zip(rows, wholes, strict=True)]
    axes.set_yticks(places, labels)
    axes.set_xlim(0, 100)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlabel="% of the mean latency of a good answer", title=_title(run))
    figure.legend(frameon=False, ncols=len(PARTS), loc="outside lower center")
    return figure


def _batches(found: Batches) -> Figure:
    figure, (axes,) = _figure(3.2)
    axes.bar(list(found.shares), [100 * share for share in found.shares.values()], color="#2f7fd1")
    axes.set(
        xlabel="samples in an execution",
        ylabel="% of executions",
        title=f"{found.model}, step {found.label}: mean batch {found.mean:.1f}",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _timeline(run: Run) -> Figure:
    figure, (counts, latency) = _figure(5.5, rows=2)
    seconds, stretches = timeline(run)
    at_s = [second.at_s for second in seconds]
    reached = [0] * len(seconds)
    for name in ("answered", "errors", "limited", "missed"):
        numbers = [getattr(second, name) for second in seconds]
        label = {"limited": "429", "missed": "never sent"}.get(name, name)
        counts.bar(at_s, numbers, width=1, bottom=reached, color=_COLOURS[name], label=label)
        reached = [low + number for low, number in zip(reached, numbers, strict=True)]
    for name in ("p50", "p99"):
        known = [getattr(second, f"{name}_ms") for second in seconds]
        latency.plot(at_s, known, color=_COLOURS[name], label=name)
    if any(reached):
        _logarithmic(latency)
    for axes in (counts, latency):
        for stretch in stretches:
            axes.axvline(stretch.start_s - 0.5, color="grey", linewidth=0.7, linestyle=":")
        axes.legend(frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
        axes.set_xlim(-0.5, len(seconds) - 0.5)
    counts.set(ylabel="a second")
    latency.set(ylabel="latency, ms", xlabel="seconds, one step after the other, with warm-up")
    return figure


def _title(run: Run) -> str:
    named = f"{run.plan} of {', '.join(run.models)}" if run.models else run.plan
    return f"{named} (INVALID)" if run.invalid else named


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    # Not as powers of ten.
    for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        ticks(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 1)))
    # 0.1, 10 and 1,000 instead of powers.
    axes.yaxis.set_major_formatter("{x:,g}")
