"""Brings the tables of the records up to this code's revision, or tells that they are not."""

import os
from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import ConfigurationError
from gateway.private_files import make_private_file, make_private_folder
from gateway.records.engine import open_engine, sqlite_file


async def migrate(url: str) -> None:
    """Create or upgrade the tables; doing it again changes nothing."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        _make_file(file)
    engine = open_engine(url)
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                # Without it SQLite commits each table by itself, and two starts collide.
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            await connection.run_sync(_upgrade)
    except SQLAlchemyError as error:
        raise ConfigurationError(f"The records cannot be brought up to date: {error}") from error
    finally:
        await engine.dispose()


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
        raise ConfigurationError(f"The records cannot be read: {error}") from error
    finally:
        await engine.dispose()
    needed = ScriptDirectory.from_config(_config()).get_current_head()
    if found != needed:
        raise ConfigurationError(
            f"The records are at revision {found}, this gateway needs {needed}; "
            "`conch up` upgrades them."
        )


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
