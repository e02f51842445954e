"""URLs of the records as operators give them: what they name, and what is wrong with them."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from gateway.errors import ConfigurationError

_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})


def is_postgresql(url: str) -> bool:
    """Whether the records are in PostgreSQL.

    >>> is_postgresql("postgresql://conch@db/conch"), is_postgresql("sqlite+aiosqlite:///a.db")
    (True, False)
    """
    return url.partition(":")[0] in _POSTGRESQL


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite URL, None for any other database, as one in memory."""
    parts = parse_url(url)
    if parts.get_backend_name() != "sqlite" or not parts.database:
        return None
    if parts.database.startswith((":memory:", "file:")):
        return None
    return Path(parts.database)


def unusable(reason: Exception | str) -> ConfigurationError:
    """What a person is told; the URL itself may hold a password."""
    return ConfigurationError(
        f"CONCH_DATABASE_URL cannot be used ({reason}); leave it empty for SQLite, or write "
        "postgresql://USER:PASSWORD@HOST/DATABASE or sqlite+aiosqlite:///PATH"
    )


def parse_url(url: str) -> URL:
    """The parts of the URL; raises ConfigurationError."""
    try:
        return make_url(url)
    except ArgumentError as error:
        raise unusable("it has no form of a URL") from error
    except ValueError as error:
        # A port that is no number, most likely; the text may quote a part of a password.
        raise unusable(
            "its port is not a number, or a password holds an unescaped : or @"
        ) from error
