"""The throughput-latency front as a picture."""

from collections.abc import Sequence
from pathlib import Path

from exporters.extras import extra
from stack.errors import TuningError
from stack.tuning.front import Point, front
from stack.tuning.values import Values

_OTHER, _SHIPPED, _CHOSEN = "#b8c4d0", "#c2410c", "#1d4ed8"


def require_pictures() -> None:
    """Raises the error of a missing extra now, rather than when all has been measured."""
    with extra("export"):
        import matplotlib  # noqa: F401 - whether it is there


def draw_front(
    path: Path, name: str, points: Sequence[Point], shipped: Values, chosen: Values
) -> None:
    """Every point, the front, and the curves of shipped and chosen over the loads."""
    with extra("export"):
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(
        [point.p99_ms for point in points],
        [point.per_second for point in points],
        color=_OTHER,
        s=18,
        label="tried",
    )
    best = front(points)
    axes.step(
        [point.p99_ms for point in best],
        [point.per_second for point in best],
        where="post",
        color="#64748b",
        linewidth=1,
        linestyle="--",
        label="front",
    )
    curves = [("shipped", shipped, _SHIPPED)]
    if chosen != shipped:
        curves.append(("chosen", chosen, _CHOSEN))
    for label, values, color in curves:
        curve = sorted((p for p in points if p.values == values), key=lambda p: p.users)
        axes.plot(
            [point.p99_ms for point in curve],
            [point.per_second for point in curve],
            marker="o",
            color=color,
            label=f"{label}: {values}",
        )
        for point in curve:
            axes.annotate(
                f"{point.users}",
                (point.p99_ms, point.per_second),
                textcoords="offset points",
                xytext=(6, -10),
                color=color,
                fontsize=8,
            )
    axes.set_xscale("log")
    # Not as powers of ten.
    for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        ticks(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 1)))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("p99, ms (numbers: users)")
    axes.set_ylabel("answers a second")
    axes.set_title(f"{name}: throughput and latency of what was tried")
    axes.grid(visible=True, which="both", alpha=0.2)
    figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise TuningError(
            f"The picture cannot be written: {error}. Name another place by --picture."
        ) from error
