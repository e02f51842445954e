"""Connections to PostgreSQL; asyncpg reads the URL, so it may hold whatever libpq's may.

asyncpg's own errors while it connects are no errors of SQLAlchemy's; whoever uses the records
knows only those.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from sqlalchemy.exc import OperationalError

from gateway.records.urls import unusable

CONNECT_TIMEOUT_S = 5.0


def connector(url: str, command_timeout_s: float | None) -> Callable[[], Awaitable[Any]]:
    """What opens a connection; raises OperationalError, or ConfigurationError for the URL."""
    dsn = url.replace("postgresql+asyncpg:", "postgresql:", 1)

    async def connect() -> Any:
        try:
            return await asyncpg.connect(
                dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=command_timeout_s
            )
        except asyncpg.ClientConfigurationError as error:
            raise unusable("its parameters make no sense to PostgreSQL's client") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise OperationalError(None, None, error) from error
        except ValueError:
            # asyncpg took a part of the password for a port, and its error tells it: so no cause.
            # Last, as a certificate that is refused is an OSError and a ValueError.
            raise unusable(
                "its parts make no sense; in a password, '#', '/', '?', ':' and '@' are written "
                "%23, %2F, %3F, %3A and %40"
            ) from None

    return connect
