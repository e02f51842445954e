"""Opens the database of the records: SQLite, or PostgreSQL by URL."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.records.urls import is_postgresql, parse_url, unusable
from gateway.write_ahead import use_write_ahead_log

BUSY_TIMEOUT_MS = 5000
# How long a caller waits for one of the connections to PostgreSQL.
POOL_TIMEOUT_S = 5.0
# A server that has gone silent must not keep a client's request for ever.
COMMAND_TIMEOUT_S = 10.0


def open_engine(url: str, *, command_timeout_s: float | None = COMMAND_TIMEOUT_S) -> AsyncEngine:
    """An engine for the URL; SQLite is set up so that readers and the writer do not block.

    The time is PostgreSQL's for one statement.
    """
    parts = parse_url(url)
    if is_postgresql(url):
        from gateway.records.postgresql import connector

        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connector(url, command_timeout_s),
            # One that broke while it lay idle, as when PostgreSQL was restarted, is replaced.
            pool_pre_ping=True,
            pool_timeout=POOL_TIMEOUT_S,
        )
    try:
        engine = create_async_engine(parts)
    except (ArgumentError, InvalidRequestError, ImportError) as error:
        raise unusable(error) from error
    if engine.dialect.name != "sqlite":
        raise unusable(f"{engine.dialect.name} is not supported")
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    use_write_ahead_log(cursor.execute)
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
