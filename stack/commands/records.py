"""Opens the records for a command, in the name of the user who runs it."""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from stack.settings import StackSettings

if TYPE_CHECKING:
    from gateway.records.store import Records

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def with_records(
    settings: StackSettings, use: "Callable[[Records], Awaitable[T]]", *, may_make: bool = False
) -> T:
    """Open the records, brought up to date, use them, close them.

    Where there are none, a command that can make them says so, and any other says where it looked.
    """
    # SQLAlchemy and Alembic take half a second to import; other commands do without.
    from gateway.records.migrate import migrate
    from gateway.records.store import Records
    from stack.records_errors import missing_file, no_records, records_errors

    missing = missing_file(settings)
    if missing is not None and not may_make:
        raise no_records(settings, missing)

    async def run() -> T:
        await migrate(settings.records_url)
        tell_of_new(missing)
        records = Records(settings.records_url, actor=cli_actor())
        try:
            return await use(records)
        finally:
            await records.close()

    with records_errors(settings):
        return asyncio.run(run())


def tell_of_new(file: Path | None) -> None:
    """Say that the records were made just now: a mistyped folder is seen by it."""
    if file is not None:
        typer.echo(f"New records were made: {file}", err=True)


def cli_actor() -> str:
    """Who runs the command, as the audit log names them: `cli:alice`."""
    try:
        # Not the environment's word: anybody can change that.
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def plain_table(*headings: str) -> Table:
    """A table as all commands show them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading)
    return table


def minute_text(moment: datetime | None) -> str:
    """`"2027-01-31 12:00 UTC"`, empty for None."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
