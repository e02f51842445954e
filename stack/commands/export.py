"""`conch export`: compiles the example models into the repository, proven before published."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from exporters.errors import SpecError
from exporters.flow import Published, export
from exporters.repository import published_versions
from exporters.stages import Progress
from exporters.zoo import ZOO
from stack.console import console
from stack.settings import StackSettings
from stack.settings_flags import with_settings
from stack.state import is_running


@with_settings("model_repository", "state_dir")
def export_models(
    *,
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Models to export: {', '.join(ZOO)}. None: all.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="torchscript or onnx. None: the model's own.")
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only models that have no version yet.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    settings: StackSettings,
) -> None:
    """Compile models, prove that they compute the same, publish each as its next version.

    Example: conch export mnist_mlp --format onnx
    """
    repository = settings.model_repository
    wanted = [name for name in _known(names or list(ZOO))]
    if missing:
        wanted = [name for name in wanted if not published_versions(repository, name)]
    screen = console(stderr=as_json)
    done = []
    for name in wanted:
        entry = ZOO[name]
        show = _Show(screen, name)
        done.append(
            export(entry.spec(), format=format or entry.format, repository=repository, report=show)
        )
    if as_json:
        typer.echo(json.dumps([_record(published) for published in done], indent=2))
        return
    if not done:
        screen.print("Nothing is missing.")
        return
    screen.print(_table(done))
    if is_running(settings.state_dir) and not missing:
        screen.print("The running stack serves the new version after its next start.")


def _known(names: list[str]) -> list[str]:
    for name in names:
        if name not in ZOO:
            raise SpecError(f"There is no example model {name!r}; there are {', '.join(ZOO)}.")
    return names


class _Show:
    """Prints a line when a stage ends."""

    def __init__(self, screen: Console, name: str) -> None:
        self._screen = screen
        self._name = name

    def __call__(self, progress: Progress) -> None:
        if progress.seconds is None:
            return
        self._screen.print(
            f"{self._name:12} {progress.stage:9} {progress.seconds:6.1f} s  {progress.detail}",
            highlight=False,
            style="dim",
        )


def _record(published: Published) -> dict[str, object]:
    return {
        "model": published.name,
        "version": published.version,
        "format": published.manifest.format,
        "path": str(published.path),
        "max_abs_error": max(row.max_abs_error for row in published.manifest.proof),
        "seconds": round(sum(published.stage_seconds.values()), 1),
    }


def _table(done: list[Published]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("MODEL", "VERSION", "FORMAT", "WORST ERROR", "SECONDS"):
        table.add_column(heading)
    for published in done:
        record = _record(published)
        table.add_row(
            published.name,
            str(published.version),
            published.manifest.format,
            f"{record['max_abs_error']:.1e}",
            str(record["seconds"]),
        )
    return table
