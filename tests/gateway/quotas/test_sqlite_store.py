"""The file that keeps what is left: across restarts, crashes and boots, and between processes."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway import write_ahead
from gateway.errors import ConfigurationError
from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas import sqlite_store
from gateway.quotas.protocol import TTL_US, Ask, Given, Renewal
from gateway.quotas.sqlite_store import SWEEP_EVERY_US, SqliteStore
from gateway.rates import MAX_BURST, Rate
from gateway.write_ahead import OPENING_S
from tests.gateway.quotas.invariants import most_above_rate
from tests.gateway.quotas.world import SECOND_US, Clock
from tests.waiting import wait_until

DAY = Limit("day", "acme", None, "*", Metric.REQUESTS, Budget(100, Period.DAY))
RATE = Limit("rate", "acme", None, "*", Metric.REQUESTS, Rate(10, 1, 50))
SLOTS = Limit("slots", "acme", None, "*", Metric.REQUESTS, Concurrency(4))


prepare_it = SqliteStore._prepare


def ask(limit: Limit, needs: int, *, epoch: int = 1, granted: int = 0, spent: int = 0) -> Ask:
    return Ask(
        limit=limit, epoch=epoch, granted=granted, spent=spent, returned=0,
        quiet_us=0, needs=needs, needed=needs, wants=needs,
    )  # fmt: skip


def renewal(*asks: Ask, holder: str = "one", number: int = 1) -> Renewal:
    return Renewal(tenant="acme", holder=holder, number=number, asks=asks)


async def renew(
    store: SqliteStore, *asks: Ask, holder: str = "one", number: int = 1
) -> list[Given]:
    (answer,) = await store.renew([renewal(*asks, holder=holder, number=number)])
    assert answer is not None
    return list(answer.given)


def test_a_bucket_that_takes_for_ever_to_fill_is_kept(tmp_path: Path) -> None:
    slowest = Limit("slow", "acme", None, "*", Metric.REQUESTS, Rate(1, 3600, MAX_BURST))

    async def run() -> None:
        for boot in ("first", "second"):
            store = await SqliteStore.open(tmp_path / "quotas.db", boot_id=boot)
            (given,) = await renew(store, ask(slowest, 5))
            assert given.granted >= 5
            await store.close()

    asyncio.run(run())


def test_what_was_granted_survives_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db")
        await renew(store, ask(DAY, 70))
        await store.close()
        store = await SqliteStore.open(tmp_path / "quotas.db")
        (given,) = await renew(store, ask(DAY, 40), holder="other")
        await store.close()
        assert (given.granted, given.left) == (0, 30)

    asyncio.run(run())


def test_after_another_boot_all_leases_are_over(tmp_path: Path) -> None:
    clock = Clock()

    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db", clock.now, "boot_1")
        await renew(store, ask(DAY, 70), ask(SLOTS, 4), ask(RATE, 50))
        await store.close()
        clock.us = 5 * SECOND_US
        store = await SqliteStore.open(tmp_path / "quotas.db", clock.now, "boot_2")
        day, slots, rate = await renew(
            store, ask(DAY, 30), ask(SLOTS, 4), ask(RATE, 1), holder="other"
        )
        assert (day.granted, slots.granted, rate.granted) == (30, 4, 0)
        clock.us += SECOND_US
        (rate,) = await renew(store, ask(RATE, 10), holder="other", number=2)
        assert rate.granted == 10
        await store.close()

    asyncio.run(run())


def test_a_renewal_without_asks_tells_that_the_store_is_there(tmp_path: Path) -> None:
    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db")
        assert await renew(store) == []
        await store.close()

    asyncio.run(run())


def test_what_says_nothing_any_more_is_dropped(tmp_path: Path) -> None:
    clock = Clock()

    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db", clock.now, "boot")
        await renew(store, ask(RATE, 50), ask(DAY, 10), ask(SLOTS, 1))
        clock.us += max(TTL_US + 5 * SECOND_US, SWEEP_EVERY_US) + 1
        await renew(store, number=2)
        assert keys(tmp_path) == ["day:day"]
        clock.us += 86_400 * SECOND_US
        await renew(store, number=3)
        assert keys(tmp_path) == []
        await store.close()

    asyncio.run(run())


def keys(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "quotas.db")
    try:
        return [key for (key,) in connection.execute("SELECT key FROM accounts ORDER BY key")]
    finally:
        connection.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db")
        await renew(store, ask(DAY, 1))
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        await store.close()
        assert modes == {0o600}

    asyncio.run(run())


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "quotas.db").write_bytes(b"not a database, and longer than a header of one" * 100)
    with pytest.raises(ConfigurationError, match=r"quotas\.db cannot keep the quotas: file is not"):
        asyncio.run(SqliteStore.open(tmp_path / "quotas.db"))


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"quotas\.db cannot keep the quotas: .*No such"):
        asyncio.run(SqliteStore.open(tmp_path / "missing" / "quotas.db"))


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "quotas.db")
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(ConfigurationError, match="form 7"):
        asyncio.run(SqliteStore.open(tmp_path / "quotas.db"))


def test_a_file_that_another_holds_too_long_is_no_answer(tmp_path: Path) -> None:
    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db")
        other = sqlite3.connect(tmp_path / "quotas.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await store.renew([renewal(ask(DAY, 1))]) == [None]
        other.rollback()
        other.close()
        (given,) = await renew(store, ask(DAY, 1), number=2)
        assert given.granted >= 1
        await store.close()

    asyncio.run(run())


def test_a_new_file_that_others_open_as_well_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(
        tmp_path / "quotas.db", isolation_level=None, check_same_thread=False, timeout=0
    )
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(write_ahead.time, "sleep", lambda _span_s: other.close())

    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db")
        (given,) = await renew(store, ask(DAY, 1))
        assert given.granted >= 1
        await store.close()

    asyncio.run(run())
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        other.execute("SELECT 1")


def test_who_opens_a_file_waits_longer_than_who_renews(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that starts while the others write at full speed must not end for it."""
    monkeypatch.setattr(sqlite_store, "BUSY_MS", 0)
    is_waiting = threading.Event()

    def prepare(store: SqliteStore, connection: sqlite3.Connection) -> None:
        def trace(statement: str) -> None:
            if statement == "BEGIN IMMEDIATE":
                is_waiting.set()

        connection.set_trace_callback(trace)
        prepare_it(store, connection)

    async def run() -> None:
        first = await SqliteStore.open(tmp_path / "quotas.db")
        other = sqlite3.connect(tmp_path / "quotas.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(SqliteStore, "_prepare", prepare)
        opening = asyncio.create_task(SqliteStore.open(tmp_path / "quotas.db"))
        assert await asyncio.to_thread(is_waiting.wait, OPENING_S)
        async with asyncio.timeout(OPENING_S / 2):
            assert await first.renew([renewal(ask(DAY, 1))]) == [None]
        assert not opening.done()
        other.rollback()
        other.close()
        second = await opening
        (given,) = await renew(second, ask(DAY, 1))
        assert given.granted >= 1
        await first.close()
        await second.close()

    asyncio.run(run())


def test_nothing_of_a_transaction_that_failed_is_kept(tmp_path: Path) -> None:
    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "quotas.db")
        await renew(store, ask(SLOTS, 1))
        other = sqlite3.connect(tmp_path / "quotas.db")
        other.execute("UPDATE accounts SET state = 'broken'")
        other.commit()
        other.close()
        both = renewal(ask(DAY, 70), ask(SLOTS, 1), number=2)
        assert await store.renew([both]) == [None]
        (given,) = await renew(store, ask(DAY, 100), holder="other")
        assert given.granted == 100
        await store.close()

    asyncio.run(run())


def test_processes_share_a_file_and_one_of_them_is_killed(tmp_path: Path) -> None:
    """Each writes the moment of every admission; what they write is judged together."""
    rate, budget, seconds = Rate(2000, 1, 500), 9000, 4
    command = [sys.executable, "-m", "tests.gateway.quotas.hammer", str(tmp_path), str(seconds)]
    workers = [
        subprocess.Popen([*command, str(number), str(rate.amount), str(rate.burst), str(budget)])
        for number in range(4)
    ]
    started_s = time.monotonic()
    killed = workers[0]
    wait_until(lambda: time.monotonic() > started_s + seconds / 2, what="half the time")
    os.kill(killed.pid, signal.SIGKILL)
    codes = [worker.wait(timeout=60) for worker in workers]
    assert codes == [-signal.SIGKILL, 0, 0, 0]
    moments = sorted(
        int(line) // 1000
        for log in tmp_path.glob("*.log")
        for line in log.read_text().split("\n")[:-1]
    )
    assert most_above_rate([(at_us, 1) for at_us in moments], rate) <= 0
    assert len(moments) <= budget
    # On a machine that does other things as well, not all of it; but most.
    assert len(moments) >= 0.7 * min(budget, rate.burst + rate.amount * seconds)
