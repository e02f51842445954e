"""What is wrong with the database of the keys, as one paragraph for a person."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigurationError
from gateway.records.migrate import reason_of
from gateway.records.urls import sqlite_file
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
