"""How an export looks on a terminal: a line for each stage, and a table at the end."""

from collections.abc import Sequence

from rich.console import Console
from rich.status import Status
from rich.table import Table

from exporters.manifest import Manifest
from exporters.stages import Progress


class ShowStages:
    """Prints a line when a stage ends; on a terminal, also which one runs."""

    def __init__(self, screen: Console, name: str) -> None:
        self._screen = screen
        self._name = name
        self._running: Status | None = None

    def __call__(self, progress: Progress) -> None:
        self.stop()
        if progress.seconds is None:
            self._running = self._screen.status(f"{self._name} {progress.stage} …")
            self._running.start()
            return
        self._screen.print(
            f"{self._name:12} {progress.stage:9} {progress.seconds:6.1f} s  {progress.detail}",
            highlight=False,
            markup=False,
            style="dim",
        )

    def stop(self) -> None:
        """Also called when a stage fails, so that the error stands on a line of its own."""
        if self._running is not None:
            self._running.stop()
            self._running = None


def result_table(manifests: Sequence[Manifest]) -> Table:
    """One row for each format that was tried."""
    sizes = _batch_sizes(manifests)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("MODEL", "FORMAT", "PRECISION"):
        table.add_column(heading)
    for heading in ("SIZE", "WORST ERROR", *(f"µs/{size}" for size in sizes)):
        table.add_column(heading, justify="right")
    table.add_column("VERDICT", overflow="fold")
    for manifest in manifests:
        for row in manifest.tried:
            table.add_row(
                manifest.model,
                row.format,
                row.precision,
                _size(row.size_bytes),
                "" if row.worst_error is None else f"{row.worst_error:.1e}",
                *(_latency(row.latency_us.get(size)) for size in sizes),
                row.verdict,
            )
    return table


def _batch_sizes(manifests: Sequence[Manifest]) -> list[str]:
    """µs are those of a whole batch, so that a column is one kind of call."""
    rows = [row for manifest in manifests for row in manifest.tried]
    return sorted({size for row in rows for size in row.latency_us}, key=int)


def _latency(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us:,.0f}"


def _size(size_bytes: int) -> str:
    if not size_bytes:
        return ""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"
