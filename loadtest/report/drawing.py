"""Drawings in SVG: marks, and the frame of axes that pictures share. Colours come from the page."""

from collections.abc import Sequence
from html import escape

from loadtest.report.scales import Scale, tick_text


class Drawing:
    """Collects marks; coordinates are pixels from the upper left."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width = width
        self.height = height
        self._title = title
        self._marks: list[str] = []

    def svg(self) -> str:
        """The element, which fits the width that the page gives it."""
        marks = "\n".join(self._marks)
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(self._title)}">\n{marks}\n</svg>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        self._add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """A line through points."""
        if points:
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            self._add(f'<polyline points="{way}" class="{kind}"/>')

    def area(self, points: Sequence[tuple[float, float]], base: float, kind: str) -> None:
        """What lies between a line and its base."""
        if points:
            closed = [(points[0][0], base), *points, (points[-1][0], base)]
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y in closed)
            self._add(f'<polygon points="{way}" class="{kind}"/>')

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, hint: str = ""
    ) -> None:
        """A rectangle; the hint shows when the pointer is on it."""
        size = f'width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
        self._add(f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{kind}">{_hint(hint)}</rect>')

    def dot(self, x: float, y: float, kind: str, hint: str = "") -> None:
        """A point."""
        self._add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="{kind}">{_hint(hint)}</circle>')

    def text(self, x: float, y: float, text: str, kind: str, *, turned: bool = False) -> None:
        """A text; `start`, `middle` and `end` among the kinds tell which end is at x."""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self._add(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{turn}>{escape(text)}</text>')

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """Squares with names, from the left."""
        for kind, name in entries:
            self.box(x, y - 9, 10, 10, kind)
            self.text(x + 15, y, name, "label start")
            x += 30 + 7 * len(name)

    def upright_axis(self, scale: Scale, left: float, right: float, title: str) -> None:
        """Ticks at the left with lines across."""
        for tick in scale.ticks:
            self.line(left, scale(tick), right, scale(tick), "grid")
            self.text(left - 8, scale(tick) + 4, tick_text(tick), "tick end")
        middle = (scale.start + scale.end) / 2
        self.text(left - 52, middle, title, "label middle", turned=True)

    def level_axis(self, scale: Scale, bottom: float, title: str) -> None:
        """Ticks below."""
        self.line(scale.start, bottom, scale.end, bottom, "axis")
        for tick in scale.ticks:
            self.text(scale(tick), bottom + 18, tick_text(tick), "tick middle")
        self.text((scale.start + scale.end) / 2, bottom + 38, title, "label middle")

    def _add(self, mark: str) -> None:
        self._marks.append(mark)


def _hint(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
