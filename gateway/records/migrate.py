"""Brings the tables of the records up to this code's revision, or tells that they are not."""

import os
from collections.abc import Callable
from pathlib import Path

from alembic.command import downgrade as go_down
from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import ConfigurationError
from gateway.private_files import make_private_file, make_private_folder
from gateway.records.engine import open_engine
from gateway.records.urls import sqlite_file

# Any number will do, so long as all gateways take the same.
_POSTGRESQL_LOCK = 0x636F6E6368


async def migrate(url: str) -> None:
    """Create or upgrade the tables; doing it again changes nothing."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        _make_file(file)
    await _run(url, _upgrade)


async def downgrade(url: str, revision: str) -> None:
    """Take the tables back to an older revision, for an older version of this code.

    What that one does not know is lost, and a key that it would let do more is revoked.
    """
    await _run(url, lambda connection: go_down(_config_on(connection), revision))


async def _run(url: str, step: Callable[[Connection], None]) -> None:
    # A table may be large, and another gateway may be at it.
    engine = open_engine(url, command_timeout_s=None)
    try:
        async with engine.begin() as connection:
            await _lock(connection)
            await connection.run_sync(step)
    except (SQLAlchemyError, CommandError, OSError) as error:
        raise ConfigurationError(
            f"The records cannot be brought up to date: {reason_of(error)}"
        ) from error
    finally:
        await engine.dispose()


def reason_of(error: Exception) -> str:
    """The database's own words in one line: the rest is a statement and a link."""
    said = getattr(error, "orig", None) or error
    return " ".join(str(said).split()) or type(said).__name__


async def _lock(connection: AsyncConnection) -> None:
    """Let starts at one time wait for one another."""
    if connection.dialect.name == "sqlite":
        # Without it SQLite commits each table by itself, and two starts collide.
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})")


def _make_file(file: Path) -> None:
    """SQLite gives what it puts beside the file the same mode."""
    try:
        make_private_folder(file.parent)
        os.close(make_private_file(file))
    except OSError as error:
        raise ConfigurationError(
            f"The records {file} cannot be made ({error.strerror}); "
            "name another state directory with --state-dir or CONCH_STATE_DIR."
        ) from error


async def require_current(url: str) -> None:
    """Raise ConfigurationError unless the records are there and at this code's revision."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        raise ConfigurationError(f"There are no records at {file}; `conch up` makes them.")
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(_revision)
    except (SQLAlchemyError, OSError) as error:
        raise ConfigurationError(f"The records cannot be read: {reason_of(error)}") from error
    finally:
        await engine.dispose()
    script = ScriptDirectory.from_config(_config())
    _refuse_newer(found, script)
    if found != script.get_current_head():
        raise ConfigurationError(
            f"The records are at revision {found}, this gateway needs "
            f"{script.get_current_head()}; `conch up` upgrades them."
        )


def _upgrade(connection: Connection) -> None:
    config = _config_on(connection)
    _refuse_newer(_revision(connection), ScriptDirectory.from_config(config))
    upgrade(config, "head")


def _config_on(connection: Connection) -> Config:
    config = _config()
    config.attributes["connection"] = connection
    return config


def _refuse_newer(found: str | None, script: ScriptDirectory) -> None:
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            f"The records are at revision {found}, which this version of Conch does not know "
            f"(its newest is {script.get_current_head()}); start the newer one that made them."
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
