"""Where commands print for people: as wide as the terminal, and never cut for a pipe or a file."""

import sys

from rich.console import Console

_PIPE_COLUMNS = 160


def console(*, stderr: bool = False) -> Console:
    """A console; one that is no terminal has room for every table."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _PIPE_COLUMNS)
