"""The store of one machine: a SQLite file that all workers write, on a thread of its own each.

It survives a restart and a loss of power: what an Answer grants is on the disk before it is told.
Leases are timed by the clock since boot, which nobody can set and all workers share; after another
boot all leases are over.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from gateway.errors import ConfigurationError
from gateway.private_files import make_private_file
from gateway.quotas.accounts import account_key, account_text, new_account, parse_account
from gateway.quotas.ledger import Account, Now
from gateway.quotas.protocol import Answer, Ask, Given, Renewal
from gateway.write_ahead import OPENING_S, use_write_ahead_log

FILE = "quotas.db"
# How long it waits for another worker that writes. Less than a holder waits for an answer.
BUSY_MS = 400
SWEEP_EVERY_US = 60_000_000
# For ever, as far as the column goes; a bucket of 10**12 units that refills by one an hour takes
# longer than SQLite's integers reach.
_FOREVER_US = 2**62
_FORM = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    key TEXT PRIMARY KEY,
    state BLOB NOT NULL,
    -- From then on the account says nothing that a new one would not, and is dropped: by the clock
    -- since boot, and, of a budget, by the calendar as well.
    idle_from_us INTEGER NOT NULL,
    window_ends_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idle ON accounts (idle_from_us);
CREATE TABLE IF NOT EXISTS boot (id TEXT NOT NULL);
"""
_SAVE = "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)"
_SWEEP = "DELETE FROM accounts WHERE idle_from_us < ? AND window_ends_us <= ?"

T = TypeVar("T")

_log = structlog.get_logger()


def read_clocks() -> Now:
    """Since boot, time asleep included; and the calendar."""
    return Now(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns() // 1000)


def read_boot_id() -> str:
    """Another one after each boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class SqliteStore:
    """`await SqliteStore.open(path)`; each worker opens the file for itself."""

    def __init__(self, path: Path, clocks: Callable[[], Now], boot_id: str) -> None:
        self._path = path
        self._clocks = clocks
        self._boot_id = boot_id
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="quotas")
        self._connection: sqlite3.Connection
        self._swept_us = 0
        self._last_error = ""

    @classmethod
    async def open(
        cls,
        path: Path,
        clocks: Callable[[], Now] = read_clocks,
        boot_id: str | None = None,
    ) -> "SqliteStore":
        """Raises ConfigurationError for a file that cannot be used."""
        store = cls(path, clocks, boot_id or read_boot_id())
        try:
            await store._run(store._connect)
        except (OSError, sqlite3.Error, msgspec.DecodeError) as error:
            store._thread.shutdown()
            raise ConfigurationError(
                f"{path} cannot keep the quotas: {error}. Make it writable; or move it away, and "
                "what was used of all limits is forgotten."
            ) from error
        return store

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[Answer | None]:
        """All in one transaction; None to all if it could not be written."""
        return await self._run(partial(self._renew, renewals))

    async def close(self) -> None:
        """Finish what is under way."""
        await self._run(self._connection.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # On the thread.

    def _connect(self) -> None:
        os.close(make_private_file(self._path))
        self._connection = connection = sqlite3.connect(
            self._path, timeout=OPENING_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise

    def _prepare(self, connection: sqlite3.Connection) -> None:
        use_write_ahead_log(connection.execute)
        # Each commit is on the disk when it returns.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if form not in (0, _FORM):
            raise sqlite3.DatabaseError(f"it has form {form}, and this version reads {_FORM}")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_FORM}")
        self._end_leases_of_other_boots(connection)
        connection.execute("COMMIT")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")

    def _end_leases_of_other_boots(self, connection: sqlite3.Connection) -> None:
        known = connection.execute("SELECT id FROM boot").fetchall()
        if known == [(self._boot_id,)]:
            return
        now = self._clocks()
        rows = connection.execute("SELECT key, state FROM accounts").fetchall()
        for key, state in rows:
            account = parse_account(state)
            account.restart(now)
            connection.execute(
                "UPDATE accounts SET state = ?, idle_from_us = ? WHERE key = ?",
                (account_text(account), min(account.idle_from_us(now), _FOREVER_US), key),
            )
        connection.execute("DELETE FROM boot")
        connection.execute("INSERT INTO boot VALUES (?)", (self._boot_id,))

    def _renew(self, renewals: Sequence[Renewal]) -> Sequence[Answer | None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            # Only now: in the order of the transactions, time goes on.
            answers = self._answer(renewals, self._clocks())
            self._connection.execute("COMMIT")
        except Exception as error:  # whatever it is, the transaction must not stay open
            self._undo(error)
            return [None] * len(renewals)
        self._last_error = ""
        return answers

    def _undo(self, error: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()
        if str(error) != self._last_error:
            self._last_error = str(error)
            _log.error("quota_store_failed", file=str(self._path), error=str(error))

    def _answer(self, renewals: Sequence[Renewal], now: Now) -> list[Answer]:
        answers = []
        for renewal in renewals:
            given = tuple(self._renew_account(renewal, ask, now) for ask in renewal.asks)
            answers.append(Answer(number=renewal.number, given=given))
        if now.us >= self._swept_us + SWEEP_EVERY_US:
            self._swept_us = now.us
            self._connection.execute(_SWEEP, (now.us, now.wall_us))
        return answers

    def _renew_account(self, renewal: Renewal, ask: Ask, now: Now) -> Given:
        key, measure = account_key(ask.limit), ask.limit.measure
        account = self._load(key) or new_account(ask.limit, now)
        given = account.renew(measure, renewal.holder, renewal.number, ask, now)
        idle_from_us = min(account.idle_from_us(now), _FOREVER_US)
        row = (key, account_text(account), idle_from_us, account.window_ends_us)
        self._connection.execute(_SAVE, row)
        return given

    def _load(self, key: str) -> Account[Any] | None:
        row = self._connection.execute("SELECT state FROM accounts WHERE key = ?", (key,))
        found = row.fetchone()
        return None if found is None else parse_account(found[0])
