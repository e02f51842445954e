"""Opens the database of the records."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.errors import ConfigurationError

BUSY_TIMEOUT_MS = 5000


def open_engine(url: str) -> AsyncEngine:
    """An engine for the URL; SQLite is set up so that readers and the writer do not block."""
    try:
        engine = create_async_engine(_parse(url))
    except (ArgumentError, InvalidRequestError, ImportError) as error:
        raise _unusable(error) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite URL, None for any other database, as one in memory."""
    parts = _parse(url)
    if parts.get_backend_name() != "sqlite" or not parts.database:
        return None
    if parts.database.startswith((":memory:", "file:")):
        return None
    return Path(parts.database)


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise _unusable(error) from error
    except ValueError as error:
        # A port that is no number, most likely; the text may quote a part of a password.
        raise _unusable(
            "its port is not a number, or a password holds an unescaped : or @"
        ) from error


def _unusable(error: Exception | str) -> ConfigurationError:
    # The URL itself may hold a password.
    return ConfigurationError(
        f"CONCH_DATABASE_URL cannot be used ({error}); "
        "leave it empty for SQLite or write sqlite+aiosqlite:///PATH"
    )


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
