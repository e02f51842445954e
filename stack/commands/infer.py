"""`conch infer`: sends one picture to a model through the gateway and shows what it sees."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from stack.client import Guess, classify
from stack.console import console
from stack.errors import NotAnsweringError
from stack.settings import StackSettings
from stack.settings_flags import with_settings

_BAR_CELLS = 40
_ELSEWHERE = (
    "If its gateway has another address, give it with --url, or --host and --port "
    "(CONCH_HOST, CONCH_PORT)."
)


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

    The picture is resized to the model's input and made grey or coloured as that needs. Values that
    are no probabilities, such as logits, are printed as scores.

    Example: conch infer mnist_cnn exporters/zoo/samples/digit-7-1.png
    """
    base_url = (url or settings.url).rstrip("/")
    try:
        guesses = classify(base_url, model, file, key=key, top=top)
    except NotAnsweringError as error:
        raise NotAnsweringError(f"{error} {_ELSEWHERE}") from error
    if as_json:
        kind = "probability" if _probabilities(guesses) else "score"
        typer.echo(json.dumps({"label": guesses[0].label, kind: round(guesses[0].score, 6)}))
        return
    console(markup=False).print(chart(guesses))


def chart(guesses: list[Guess]) -> Table:
    """One bar a class, as long as the class is probable; scores have no whole to be a part of."""
    table = Table(box=None, show_header=False, pad_edge=False)
    bars = _probabilities(guesses)
    for rank, guess in enumerate(guesses):
        style = "bold green" if rank == 0 else "dim"
        shown = _bar(guess.score) if bars else ("score", f"{guess.score:9.4g}")
        table.add_row(guess.label, *shown, style=style)
    return table


def _probabilities(guesses: list[Guess]) -> bool:
    return all(guess.may_be_probability for guess in guesses)


def _bar(probability: float) -> tuple[str, str]:
    cells = round(probability * _BAR_CELLS)
    return "█" * cells + "·" * (_BAR_CELLS - cells), f"{probability:7.2%}"
