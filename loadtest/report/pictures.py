"""The pictures of the page: curve, breakdown, batch sizes and time line, as SVG."""

from collections.abc import Callable, Sequence

from loadtest.report.drawing import Drawing
from loadtest.report.scales import Scale, for_latencies, from_zero
from loadtest.report.series import (
    PARTS,
    QUANTILES,
    Batches,
    Point,
    Second,
    Stretch,
    bars,
    curve,
    timeline,
)
from loadtest.report.words import ms, per_second, share
from loadtest.results import Run

_WIDTH = 920
_LEFT = 70
_RIGHT = _WIDTH - 20
# Past so many steps, their names on the time line would lie over one another.
_MOST_NAMES = 14
# Pixels that a figure within a bar takes.
_ROOM_FOR_FIGURE = 44


def curve_picture(run: Run) -> str:
    """Latency over throughput; empty where no step had an answer."""
    points = curve(run)
    if not points:
        return ""
    drawing = Drawing(_WIDTH, 400, "Latency over good answers a second")
    x = from_zero([point.per_second for point in points], _LEFT, _RIGHT)
    y = for_latencies([value for point in points for value in point.ms.values()], 345, 45)
    drawing.upright_axis(y, _LEFT, _RIGHT, "latency, ms")
    drawing.level_axis(x, 345, "good answers a second")
    for name in QUANTILES:
        known = [point for point in points if name in point.ms]
        places = [(x(point.per_second), y(point.ms[name])) for point in known]
        drawing.path(places, f"stroke {name}")
        for point, place in zip(known, places, strict=True):
            kind = f"dot {name}" if point.is_valid else f"dot hollow {name}"
            drawing.dot(*place, kind, _point_hint(point, name))
    drawing.legend(_LEFT, 24, [(f"fill {name}", name) for name in QUANTILES])
    if not all(point.is_valid for point in points):
        drawing.text(_RIGHT, 24, "hollow: an invalid step", "label end")
    return drawing.svg()


def breakdown_picture(run: Run) -> str:
    """A bar for each step, as long as any other: shares are seen whatever the latency is.

    Empty where no step could be split.
    """
    rows = bars(run)
    if not rows:
        return ""
    left, row_height, top = 190, 30, 44
    bottom = top + row_height * len(rows)
    drawing = Drawing(_WIDTH, bottom + 50, "Mean latency of a good answer by where it was spent")
    x = Scale(0.0, 100.0, left, _RIGHT - 90)
    for tick in x.ticks:
        drawing.line(x(tick), top, x(tick), bottom, "grid")
    drawing.level_axis(x, bottom, "% of the mean latency")
    drawing.legend(left, 24, [(f"fill part-{part}", part) for part in PARTS])
    for number, (label, parts) in enumerate(rows):
        y = top + number * row_height
        drawing.text(left - 10, y + 19, _cut(label, 24), "label end")
        _draw_parts(drawing, label, parts, x, y + 4, row_height - 8)
        drawing.text(x(100) + 10, y + 19, f"{ms(sum(parts.values()))} ms", "label start")
    return drawing.svg()


def batches_picture(found: Batches) -> str:
    """How many executions had which batch size."""
    drawing = Drawing(_WIDTH, 270, f"Batch sizes of {found.model}")
    top, bottom = 30, 215
    y = Scale(0.0, max(found.shares.values()), bottom, top)
    sizes = range(1, max(found.shares) + 1)
    width = (_RIGHT - _LEFT) / len(sizes)
    every = -(-len(sizes) // 32)
    drawing.text(_LEFT - 52, (top + bottom) / 2, "executions", "label middle", turned=True)
    for size in sizes:
        part = found.shares.get(size, 0.0)
        left = _LEFT + (size - 1) * width
        # A gap between bars, as wide as there is room.
        gap = min(4.0, width * 0.2)
        hint = f"batches of {size}: {share(part)}"
        drawing.box(left + gap / 2, y(part), width - gap, bottom - y(part), "fill p50", hint)
        if part >= 0.01 and width > 34:
            drawing.text(left + width / 2, y(part) - 6, f"{part:.0%}", "tick middle")
        if size % every == 0 or size == 1:
            drawing.text(left + width / 2, bottom + 18, str(size), "tick middle")
    drawing.line(_LEFT, bottom, _RIGHT, bottom, "axis")
    drawing.text((_LEFT + _RIGHT) / 2, bottom + 40, "samples in an execution", "label middle")
    return drawing.svg()


def timeline_picture(run: Run) -> str:
    """Answers, failures and 429 of every second, and its latency below; empty without seconds."""
    seconds, stretches = timeline(run)
    if not seconds:
        return ""
    drawing = Drawing(_WIDTH, 520, "Answers, errors, 429 and latency second by second")
    x = Scale(0.0, float(len(seconds)), _LEFT, _RIGHT)
    _shade_warmups(drawing, seconds, x)
    counts = [float(s.answered + s.errors + s.limited + s.missed) for s in seconds]
    rate = from_zero(counts, 235, 60)
    drawing.upright_axis(rate, _LEFT, _RIGHT, "a second")
    _stack_counts(drawing, seconds, x, rate)
    known = [v for s in seconds for v in (s.p50_ms, s.p99_ms) if v is not None]
    latency = for_latencies(known, 470, 275)
    drawing.upright_axis(latency, _LEFT, _RIGHT, "latency, ms")
    drawing.path(_places(seconds, x, latency, lambda s: s.p50_ms), "stroke p50")
    drawing.path(_places(seconds, x, latency, lambda s: s.p99_ms), "stroke p99")
    drawing.level_axis(x, 470, "seconds, one step after the other; warm-up is shaded")
    _name_steps(drawing, stretches, x)
    drawing.legend(
        _LEFT,
        20,
        [
            *[("fill good", "answered"), ("fill bad", "errors"), ("fill limited", "429")],
            *[("fill missed", "never sent"), ("fill p50", "p50"), ("fill p99", "p99")],
        ],
    )
    return drawing.svg()


def _point_hint(point: Point, name: str) -> str:
    hint = f"{point.label}: {name} {ms(point.ms[name])} ms at {per_second(point.per_second)}/s"
    return hint if point.is_valid else f"{hint} (invalid)"


def _draw_parts(
    drawing: Drawing, label: str, parts: dict[str, float], x: Scale, y: float, height: float
) -> None:
    whole = sum(parts.values()) or 1.0
    reached = 0.0
    for part in PARTS:
        start, reached = reached, reached + 100 * parts[part] / whole
        width = x(reached) - x(start)
        hint = f"{label}, {part}: {ms(parts[part])} ms"
        drawing.box(x(start), y, width, height, f"fill part-{part}", hint)
        if width > _ROOM_FOR_FIGURE:
            drawing.text(x(start) + width / 2, y + height / 2 + 4, ms(parts[part]), "inside middle")


def _shade_warmups(drawing: Drawing, seconds: Sequence[Second], x: Scale) -> None:
    for second in seconds:
        if second.is_warmup:
            width = x(second.at_s + 1) - x(second.at_s)
            drawing.box(x(second.at_s), 60, width + 0.3, 410, "shade")


def _stack_counts(drawing: Drawing, seconds: Sequence[Second], x: Scale, y: Scale) -> None:
    """Good answers as an area; on it, second by second, what went another way."""
    tops = [(x(s.at_s + 0.5), y(s.answered)) for s in seconds]
    drawing.area([(x(0), tops[0][1]), *tops, (x(len(seconds)), tops[-1][1])], y(0), "area good")
    for second in seconds:
        reached = float(second.answered)
        for kind, number in (
            ("bad", second.errors),
            ("limited", second.limited),
            ("missed", second.missed),
        ):
            if number:
                start, reached = reached, reached + number
                # What happened at all must be seen.
                height = max(2.0, y(start) - y(reached))
                width = max(1.5, x(second.at_s + 1) - x(second.at_s))
                hint = f"second {second.at_s}: {number:,} {kind}"
                top = y(start) - height
                drawing.box(x(second.at_s), top, width, height, f"fill {kind}", hint)


def _places(
    seconds: Sequence[Second], x: Scale, y: Scale, value: Callable[[Second], float | None]
) -> list[tuple[float, float]]:
    known = [(second.at_s, value(second)) for second in seconds]
    return [(x(at_s + 0.5), y(found)) for at_s, found in known if found is not None]


def _name_steps(drawing: Drawing, stretches: Sequence[Stretch], x: Scale) -> None:
    for stretch in stretches:
        drawing.line(x(stretch.start_s), 44, x(stretch.start_s), 470, "mark")
        if len(stretches) <= _MOST_NAMES:
            room = int((x(stretch.end_s) - x(stretch.start_s)) / 6.5)
            drawing.text(x(stretch.start_s) + 4, 54, _cut(stretch.label, room), "small start")


def _cut(text: str, length: int) -> str:
    length = max(length, 3)
    return text if len(text) <= length else f"{text[: length - 1]}…"
