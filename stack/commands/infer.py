"""`conch infer`: sends one picture to a model through the gateway and shows what it sees."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gateway.settings import http_url
from stack.client import Guess, classify
from stack.console import console
from stack.settings import StackSettings
from stack.settings_flags import with_settings

_BAR_CELLS = 40


@with_settings("host", "port")
def infer(
    *,
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    file: Annotated[Path, typer.Argument(help="Picture to send (PNG, JPEG …).")],
    key: Annotated[str | None, typer.Option(envvar="CONCH_API_KEY", help="API key.")] = None,
    url: Annotated[str | None, typer.Option(help="Gateway, if not at --host and --port.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 3,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the likeliest class only.")
    ] = False,
    settings: StackSettings,
) -> None:
    """Send a picture to a model and print the label with its probability.

    Example: conch infer mnist_cnn exporters/zoo/samples/digit-7-1.png
    """
    base_url = (url or http_url(settings.host, settings.port)).rstrip("/")
    guesses = classify(base_url, model, file, key=key, top=top)
    if as_json:
        best = {"label": guesses[0].label, "probability": round(guesses[0].probability, 6)}
        typer.echo(json.dumps(best))
        return
    console(markup=False).print(chart(guesses))


def chart(guesses: list[Guess]) -> Table:
    """One bar a class, as long as the class is probable."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for rank, guess in enumerate(guesses):
        cells = round(guess.probability * _BAR_CELLS)
        style = "bold green" if rank == 0 else "dim"
        bar = "█" * cells + "·" * (_BAR_CELLS - cells)
        table.add_row(guess.label, bar, f"{guess.probability:7.2%}", style=style)
    return table
