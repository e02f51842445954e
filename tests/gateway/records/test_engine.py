"""The file of the records, where several open it."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway import write_ahead
from gateway.records import engine as engine_module
from gateway.records.engine import open_engine


def test_a_new_file_that_others_open_as_well_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "conch.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(write_ahead.time, "sleep", lambda _span_s: other.close())

    async def run() -> None:
        engine = open_engine(f"sqlite+aiosqlite:///{file}")
        async with engine.connect() as connection:
            assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        await engine.dispose()

    asyncio.run(run())
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        other.execute("SELECT 1")


def test_each_statement_waits_for_those_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 300)

    async def run() -> None:
        engine = open_engine(f"sqlite+aiosqlite:///{tmp_path}/conch.db")
        async with engine.connect() as connection:
            assert (await connection.execute(text("PRAGMA busy_timeout"))).scalar() == 300
        await engine.dispose()

    asyncio.run(run())
