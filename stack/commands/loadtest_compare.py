"""`conch loadtest compare`: did it get worse?"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from loadtest.comparing import BOUND
from loadtest.comparing import compare as compare_runs
from loadtest.quantities import parse_share
from loadtest.report.comparison import comparison_markdown, print_comparison
from loadtest.run_folder import read_run
from stack.console import console

_REGRESSED = 3

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a run.")]


def compare(
    *,
    before: Folder,
    after: Folder,
    bound: Annotated[
        str,
        typer.Option(help="How much worse a figure may be before it is a regression; 2% at least."),
    ] = f"{BOUND:.0%}",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")
    ] = False,
) -> None:
    """Compare two runs step by step, each figure with its interval of 95 %.

    Exits 3 where a figure got worse beyond the bound and chance does not explain it, 1 where a run
    is invalid, a step is not valid any more, or every figure is unclear, else 0.

    Example: conch loadtest compare loadtest-runs/before loadtest-runs/after --bound 5%
    """
    found = compare_runs(
        read_run(before),
        read_run(after),
        bound=parse_share(bound, "--bound"),
        names=(str(before), str(after)),
    )
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif as_markdown:
        typer.echo(comparison_markdown(found))
    else:
        print_comparison(found, console(markup=False))
    if found.invalid or not found.tells:
        raise typer.Exit(1)
    if found.regressed:
        raise typer.Exit(_REGRESSED)
