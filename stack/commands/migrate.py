"""`conch migrate`: brings the records up to date, as a step of its own before gateways start."""

import asyncio

import typer

from stack.commands.records import tell_of_new
from stack.records_errors import missing_file, records_errors
from stack.settings import StackSettings
from stack.settings_flags import with_settings


@with_settings("state_dir", "database_url")
def migrate(*, settings: StackSettings) -> None:
    """Bring the records up to date; every other command does so by itself.

    For where gateways run without the right to change tables, or many are to start at once.

    Example: conch migrate --database-url postgresql://conch@db.example/conch
    """
    # SQLAlchemy and Alembic take half a second to import.
    from gateway.records.migrate import migrate as bring_up_to_date

    missing = missing_file(settings)
    with records_errors(settings):
        asyncio.run(bring_up_to_date(settings.records_url))
    tell_of_new(missing)
    typer.echo("The records are up to date.")
