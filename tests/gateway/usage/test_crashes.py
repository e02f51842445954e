"""Usage in the records against what clients counted themselves, over kills, ends and locks.

Nothing is ever more than what was sent; less, by what a killed worker answered in its last second.
"""

import asyncio
import os
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.records.migrate import migrate
from gateway.records.store import Records
from gateway.usage.query import UsageQuery, total
from tests.gateway.conftest import RunningGateway
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.processes import PATIENCE_S, GatewayProcess, free_port
from tests.gateway.test_parent import Running, come_true, is_listened_on
from tests.gateway.usage.counting_load import CountingLoad, sums

# Each takes some seconds.
KILLS = 4
KILLS_ON_POSTGRESQL = 2


@dataclass
class Loaded:
    """A gateway of two workers under load."""

    running: Running
    load: CountingLoad
    database_url: str
    state_dir: Path

    async def answered(self, more: int) -> None:
        end = len(self.load.got) + more
        await come_true(lambda: len(self.load.got) >= end)

    async def kill_one(self) -> None:
        """One worker ends at once, and another has taken its place."""
        before = self.running.workers
        os.kill(random.choice(sorted(before)), signal.SIGKILL)
        await come_true(lambda: len(self.running.workers - before) == 1)

    async def end(self) -> tuple[int, str, str]:
        self.running.process.process.terminate()
        return await self.running.outcome()

    async def recorded(self) -> Counter[str]:
        records = Records(self.database_url)
        try:
            found = total(await records.usage.usage(UsageQuery()))
        finally:
            await records.close()
        return Counter(requests=found.requests, samples=found.samples, size_bytes=found.size_bytes)

    @property
    def spools(self) -> list[Path]:
        return list((self.state_dir / "usage").glob("*"))

    @property
    def spooled_batches(self) -> int:
        """In the smallest of two spools."""
        files = self.spools
        return min(map(_lines, files)) if len(files) == 2 else 0

    @property
    def left_behind(self) -> list[Path]:
        """Files that no worker has a lock on (proc_locks: the sixth field ends with the inode)."""
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        locked = {fields[5].rpartition(":")[2] for fields in locks if fields[1] == "FLOCK"}
        return [file for file in self.spools if _inode(file) not in {"", *locked}]


def _lines(file: Path) -> int:
    try:
        return file.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _inode(file: Path) -> str:
    try:
        return str(file.stat().st_ino)
    except FileNotFoundError:
        return ""


@asynccontextmanager
async def loaded(database_url: str, state_dir: Path) -> AsyncIterator[Loaded]:
    triton = FakeTriton()
    await triton.start()
    running = await started(database_url, state_dir, triton.port)
    load = CountingLoad(running.port, running.token)
    load.start()
    try:
        yield Loaded(running, load, database_url, state_dir)
    finally:
        if running.process.process.poll() is None:
            running.process.process.kill()
        await load.stop()
        await running.outcome()
        await triton.stop()


async def started(database_url: str, state_dir: Path, triton_port: int) -> Running:
    records = Records(database_url)
    token = (await records.create_key("acme")).token
    await records.close()
    settings = {
        "CONCH_PORT": str(free_port()),
        "CONCH_STATE_DIR": str(state_dir),
        "CONCH_DATABASE_URL": database_url,
        "CONCH_TRITON_URLS": f"http://127.0.0.1:{triton_port}",
        "CONCH_WORKERS": "2",
    }
    process = GatewayProcess("gateway", settings)
    process.start()
    running = Running(int(settings["CONCH_PORT"]), token, process)
    await come_true(lambda: is_listened_on(running.port, 2))
    return running


def sqlite_url(folder: Path) -> str:
    url = f"sqlite+aiosqlite:///{folder}/conch.db"
    asyncio.run(migrate(url))
    return url


def run(test: object) -> None:
    import uvloop

    uvloop.run(test())  # type: ignore[operator]


def assert_within(recorded: Counter[str], load: CountingLoad, killed: set[str]) -> None:
    got, unanswered = sums(load.got), sums(load.unanswered)
    last = sums(load.last_seconds_of(killed, 1.0))
    for name in got:
        print(f"{name}: {recorded[name]} recorded, {got[name]} got, {last[name]} in last seconds")
        assert got[name] - last[name] <= recorded[name] <= got[name] + unanswered[name]


async def assert_ends_with_all(gateway: Loaded) -> None:
    assert (await gateway.end())[0] == 0
    await gateway.load.stop()
    assert gateway.spools == []
    # Whoever connected while the sockets were being closed was never heard, so nothing is recorded.
    assert await gateway.recorded() == sums(gateway.load.got)


def test_killed_workers_lose_their_last_second_at_most_and_nothing_counts_twice(
    database_url: str, tmp_path: Path
) -> None:
    kills = KILLS if database_url.startswith("sqlite") else KILLS_ON_POSTGRESQL

    async def test() -> None:
        async with loaded(database_url, tmp_path) as gateway:
            load = gateway.load
            for _ in range(kills):
                await gateway.answered(random.randint(200, 1500))
                await gateway.kill_one()
            await gateway.answered(200)
            await load.stop()
            await come_true(lambda: not gateway.left_behind)
            code, output, errors = await gateway.end()
            assert (code, errors) == (0, "")
            assert gateway.spools == []
            living = {got.worker for got in load.got[-100:]}
            killed = load.workers - living
            # One may have been killed before anybody called it.
            assert len(killed) >= kills - 1
            assert_within(await gateway.recorded(), load, killed)
            print(f"{output.count('usage_adopted')} spools adopted after {kills} kills")

    run(test)


def test_workers_that_end_when_they_are_told_to_lose_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async def test() -> None:
        async with loaded(database_url, tmp_path) as gateway:
            await gateway.answered(300)
            await assert_ends_with_all(gateway)

    run(test)


def test_workers_that_are_replaced_lose_nothing(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)

    async def test() -> None:
        async with loaded(url, tmp_path) as gateway:
            await gateway.answered(300)
            before = gateway.running.workers
            os.kill(gateway.running.pid, signal.SIGHUP)
            await gateway.running.replaced(before)
            await gateway.answered(100)
            await gateway.load.stop()
            assert gateway.load.unanswered == []
            await assert_ends_with_all(gateway)

    run(test)


def test_records_that_are_locked_for_seconds_under_load_miss_nothing(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)

    async def test() -> None:
        async with loaded(url, tmp_path) as gateway:
            await gateway.answered(200)
            lock = sqlite3.connect(tmp_path / "conch.db", isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            # Two a second: for longer than a writer waits for the lock.
            await come_true(lambda: gateway.spooled_batches >= 14)
            assert all(got.status == 200 for got in gateway.load.got)
            lock.close()
            await gateway.load.stop()
            _, output, _ = await gateway.end()
            assert "usage_unwritable" in output
            assert await gateway.recorded() == sums(gateway.load.got)

    run(test)


def test_a_worker_that_is_killed_while_the_records_are_locked_loses_its_last_second_at_most(
    tmp_path: Path,
) -> None:
    url = sqlite_url(tmp_path)

    async def test() -> None:
        async with loaded(url, tmp_path) as gateway:
            await gateway.answered(200)
            lock = sqlite3.connect(tmp_path / "conch.db", isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            await come_true(lambda: gateway.spooled_batches >= 3)
            await gateway.kill_one()
            await gateway.answered(200)
            lock.close()
            await gateway.load.stop()
            await come_true(lambda: not gateway.left_behind)
            await gateway.end()
            killed = gateway.load.workers - {got.worker for got in gateway.load.got[-50:]}
            assert_within(await gateway.recorded(), gateway.load, killed)

    run(test)


def test_usage_is_what_clients_got_of_a_real_triton(gateway: RunningGateway) -> None:
    new = gateway.new_key()

    async def recorded() -> Counter[str]:
        records = Records(gateway.records_url)
        try:
            counts = total(await records.usage.usage(UsageQuery(key=new.id, model="echo")))
        finally:
            await records.close()
        # A thousandth of a second each, at least.
        assert counts.compute_us >= counts.requests * 100
        return Counter(
            requests=counts.requests, samples=counts.samples, size_bytes=counts.size_bytes
        )

    async def test() -> None:
        load = CountingLoad(gateway.port, new.token, clients=4)
        load.start()
        await come_true(lambda: len(load.got) > 100)
        await load.stop()
        assert all(got.status == 200 for got in load.got)
        async with asyncio.timeout(PATIENCE_S):
            while await recorded() != sums(load.got):
                await asyncio.sleep(0.1)

    run(test)
