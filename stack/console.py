"""Where commands print for people: as wide as the terminal, and never cut for a pipe or a file."""

import sys

from rich.console import Console

_PIPE_COLUMNS = 160


def console(*, stderr: bool = False, markup: bool = True) -> Console:
    """A console; one that is no terminal has room for every table.

    Without markup, names of others are shown as they are: `[` begins a style, `:dog:` a picture.
    """
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_COLUMNS
    return Console(stderr=stderr, width=width, markup=markup, emoji=markup)
