"""What is wrong with the database of the keys, as one paragraph for a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigurationError
from gateway.records.migrate import reason_of
from gateway.records.urls import sqlite_file
from gateway.settings import environment_name, flag_name
from stack.errors import RecordsError
from stack.settings import StackSettings


@contextmanager
def records_errors(settings: StackSettings) -> Iterator[None]:
    """Turn what the database says in this block into a RecordsError that says what to do."""
    try:
        yield
    except TimeoutError as error:
        # asyncpg's own, which SQLAlchemy passes on as it is.
        said = "it does not answer; something may hold a lock on its tables"
        raise RecordsError(_paragraph(settings, said)) from error
    except (DBAPIError, ConfigurationError) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        if not isinstance(cause, DBAPIError):
            raise
        raise RecordsError(_paragraph(settings, reason_of(cause))) from error


def missing_file(settings: StackSettings) -> Path | None:
    """The file that the records would be in, were it there; None where it is, or in a server."""
    file = sqlite_file(settings.records_url)
    return None if file is None or file.exists() else file


def no_records(settings: StackSettings, file: Path) -> RecordsError:
    """What a command says that needs records where there are none."""
    named = "database_url" if settings.database_url else "state_dir"
    other = "file" if settings.database_url else "state directory"
    return RecordsError(
        f"There are no records in {file}. If they are elsewhere, name that {other} with "
        f"{flag_name(named)} or {environment_name(named)}; `conch up` makes new ones."
    )


def _paragraph(settings: StackSettings, said: str) -> str:
    file = sqlite_file(settings.records_url)
    if file is None:
        return (
            f"The records of CONCH_DATABASE_URL cannot be used: {said}. "
            "Mend that database, or the URL."
        )
    return (
        f"The records in {file} cannot be used: {said}. If the file is damaged, put a copy of it "
        "back, or move it away: the next start makes new records, without any key."
    )
