"""From a worker's memory to the records: in batches, each once, whatever the records do."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.records import engine
from gateway.records.migrate import migrate
from gateway.records.store import Records
from gateway.records.usage import UsageRecords
from gateway.usage import spool
from gateway.usage import writer as writers
from gateway.usage.accumulator import Usage
from gateway.usage.counts import Batch
from gateway.usage.meter import Meter
from gateway.usage.query import UsageQuery
from gateway.usage.writer import UsageWriter
from tests.gateway.helpers import until
from tests.gateway.usage.counting import tally


class Parts:
    """A writer before real records."""

    def __init__(self, records: Records, folder: Path) -> None:
        self.records = records
        self.folder = folder / "usage"
        self.usage = Usage()
        self.meters: dict[str, Meter] = {}
        self.writer = self.new_writer(records.usage)

    def new_writer(self, records: UsageRecords) -> UsageWriter:
        return UsageWriter(records, self.usage, self.folder)

    def count(self, requests: int, model: str = "m") -> None:
        meter = self.meters.setdefault(model, Meter("acme", "key", model))
        self.usage.open(meter).requests += requests
        self.writer.gather()

    async def written(self) -> int:
        return sum(row.counts.requests for row in await self.records.usage.usage(UsageQuery()))

    @property
    def files(self) -> list[str]:
        return [file.name for file in self.folder.glob("*")]


class FakeRecords(UsageRecords):
    """Real ones whose connection breaks when it is told to: before a commit, or after it."""

    def __init__(self, records: Records) -> None:
        super().__init__(records._engine)
        self.breaks = ""

    async def add(self, writer_id: str, number: int, batch: Batch) -> bool:
        if self.breaks == "before":
            raise ConnectionError("gone")
        added = await super().add(writer_id, number, batch)
        if self.breaks == "after":
            raise ConnectionError("gone")
        return added


class CountedMeanwhile(UsageRecords):
    """Real ones that take so long that the next batch has begun, and is in the spool."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.records._engine)
        self._parts = parts

    async def add(self, writer_id: str, number: int, batch: Batch) -> bool:
        self._parts.count(2, "still")
        self._parts.count(4, "again")
        return await super().add(writer_id, number, batch)


@dataclass
class Given:
    """What each test is given."""

    database_url: str
    folder: Path


@pytest.fixture
def given(database_url: str, tmp_path: Path) -> Given:
    return Given(database_url, tmp_path)


def with_parts(given: Given, test: Callable[[Parts], Awaitable[None]]) -> None:
    async def run() -> None:
        records = Records(given.database_url)
        try:
            await test(Parts(records, given.folder))
        finally:
            await records.close()

    asyncio.run(run())


def test_what_was_counted_is_written_and_the_spool_holds_it_no_longer(given: Given) -> None:
    async def test(parts: Parts) -> None:
        parts.count(2)
        parts.count(3)
        assert await parts.writer.write()
        assert await parts.written() == 5
        assert parts.writer._spool.path.read_bytes() == b""
        # Nothing new: no transaction.
        assert await parts.writer.write()
        assert await parts.written() == 5

    with_parts(given, test)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_breaks_around_a_commit_makes_nothing_count_twice_or_not_at_all(
    given: Given, when: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(parts: Parts) -> None:
        records = FakeRecords(parts.records)
        parts.writer = parts.new_writer(records)
        parts.count(1)
        records.breaks = when
        for _ in range(3):
            assert not await parts.writer.write()
            # What comes meanwhile is not of the batch that may be there.
            parts.count(10)
        records.breaks = ""
        assert await parts.writer.write() and await parts.writer.write()
        assert await parts.written() == 31

    with_parts(given, test)
    output = capsys.readouterr().out
    assert output.count("usage_unwritable") == output.count("usage_written_again") == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_successor_writes_what_is_not_there_yet(given: Given, when: str) -> None:
    async def test(parts: Parts) -> None:
        records = FakeRecords(parts.records)
        dead = parts.writer = parts.new_writer(records)
        parts.count(1)
        await dead.write()
        parts.count(2)
        parts.count(3)
        records.breaks = when
        await dead.write()
        parts.count(4)
        dead._spool.close()
        successor = parts.new_writer(parts.records.usage)
        for _ in range(2):
            await successor.adopt()
            assert await parts.written() == 10
        assert parts.files == []
        assert await _writers(parts.records) == 0

    with_parts(given, test)


def test_a_file_that_cannot_be_removed_at_the_end_counts_once(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("the folder may not be written")

    async def test(parts: Parts) -> None:
        parts.count(1)
        with monkeypatch.context() as patched:
            patched.setattr(spool, "new_locked", refuse)
            patched.setattr(spool, "remove", refuse)
            await parts.writer.finish()
        assert len(parts.files) == 1
        await parts.new_writer(parts.records.usage).adopt()
        assert await parts.written() == 1
        assert parts.files == []

    with_parts(given, test)


def test_a_file_that_cannot_be_read_keeps_back_no_other(
    given: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(parts: Parts) -> None:
        parts.count(1)
        parts.writer._spool.close()
        # Before all others in the order of names.
        (parts.folder / "0.usage").mkdir()
        successor = parts.new_writer(parts.records.usage)
        for _ in range(2):
            await successor.adopt()
        assert await parts.written() == 1

    with_parts(given, test)
    assert capsys.readouterr().out.count("usage_not_adopted") == 1


def test_a_worker_that_lives_is_not_adopted(given: Given) -> None:
    async def test(parts: Parts) -> None:
        parts.count(1)
        await parts.new_writer(parts.records.usage).adopt()
        assert await parts.written() == 0
        assert len(parts.files) == 1

    with_parts(given, test)


def test_successors_at_the_same_time_count_once(given: Given) -> None:
    async def test(parts: Parts) -> None:
        for _ in range(5):
            parts.usage, parts.meters = Usage(), {}
            parts.writer = parts.new_writer(parts.records.usage)
            parts.count(1)
            parts.writer._spool.close()
        successors = [parts.new_writer(parts.records.usage) for _ in range(4)]
        await asyncio.gather(*(successor.adopt() for successor in successors))
        assert await parts.written() == 5

    with_parts(given, test)


def test_a_spool_that_grows_while_the_records_are_away_is_merged(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "_MERGE_BYTES", 1000)

    async def test(parts: Parts) -> None:
        records = FakeRecords(parts.records)
        dead = parts.writer = parts.new_writer(records)
        records.breaks = "after"
        parts.count(1)
        await dead.write()
        for number in range(100):
            parts.count(1, f"m{number % 3}")
            assert dead._spool.size_bytes <= 1000 + 100
        dead._spool.close()
        await parts.new_writer(parts.records.usage).adopt()
        assert await parts.written() == 101

    with_parts(given, test)


def test_what_a_worker_leaves_that_ends_is_whole_rows_which_versions_before_read(
    given: Given,
) -> None:
    async def test(parts: Parts) -> None:
        records = FakeRecords(parts.records)
        records.breaks = "before"
        parts.writer = parts.new_writer(records)
        for requests in (1, 2, 4):
            parts.count(requests)
        await parts.writer.finish()
        (line,) = map(json.loads, parts.writer._spool.path.read_bytes().splitlines())
        assert line[0] == 1 and [row[4] for row in line[1]] == [7] and len(line) == 2
        await parts.new_writer(parts.records.usage).adopt()
        assert await parts.written() == 7

    with_parts(given, test)


def test_only_what_changed_is_put_into_the_spool(given: Given) -> None:
    async def test(parts: Parts) -> None:
        for model in "mnn":
            parts.count(1, model)
        parts.writer.gather()
        lines = map(json.loads, parts.writer._spool.path.read_bytes().splitlines())
        told = [([row[3] for row in rows], places, sums) for _, rows, places, sums in lines]
        assert told == [
            (["m"], [0], []),
            (["n"], [1], []),
            # Whose it is was told by the line before.
            ([], [], [1, 2, 0, 0, 0, 0, 0]),
        ]

    with_parts(given, test)


def test_what_a_full_disk_did_not_take_is_in_the_next_line(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(parts: Parts) -> None:
        parts.count(1, "m")
        write = os.write
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", lambda file, text: write(file, text[:10]))
            parts.count(2, "m")
            parts.count(4, "n")
        parts.count(8, "o")
        parts.writer._spool.close()
        await parts.new_writer(parts.records.usage).adopt()
        assert await parts.written() == 15

    with_parts(given, test)


def test_a_new_spool_has_what_the_open_batch_had_and_what_changes_after(given: Given) -> None:
    async def test(parts: Parts) -> None:
        records = CountedMeanwhile(parts)
        dead = parts.writer = parts.new_writer(records)
        parts.count(1, "before")
        await dead.write()
        parts.count(8, "again")
        dead._spool.close()
        await parts.new_writer(parts.records.usage).adopt()
        assert await parts.written() == 1 + 2 + 4 + 8

    with_parts(given, test)


def test_it_writes_by_itself_and_at_the_end_leaves_nothing(given: Given) -> None:
    async def test(parts: Parts) -> None:
        parts.writer.start()
        tally(parts.usage, "acme", "key", "m").requests += 1
        async with asyncio.timeout(10):
            while await parts.written() < 1:
                await asyncio.sleep(0.05)
        tally(parts.usage, "acme", "key", "m").requests += 1
        await parts.writer.finish()
        assert await parts.written() == 2
        assert parts.files == []
        assert await _writers(parts.records) == 0

    with_parts(given, test)


def test_the_end_writes_what_failed_before_and_what_came_since(given: Given) -> None:
    async def test(parts: Parts) -> None:
        records = FakeRecords(parts.records)
        parts.writer = parts.new_writer(records)
        records.breaks = "after"
        parts.count(1)
        await parts.writer.write()
        parts.count(2)
        records.breaks = ""
        tally(parts.usage, "acme", "key", "m").requests += 4
        await parts.writer.finish()
        assert await parts.written() == 7
        assert parts.files == []

    with_parts(given, test)


def test_an_end_while_the_records_are_locked_leaves_the_rest_to_a_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "FINISH_TIMEOUT_S", 0.1)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 300)

    async def test(parts: Parts) -> None:
        parts.writer.start()
        lock = sqlite3.connect(tmp_path / "conch.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        parts.count(1)
        tally(parts.usage, "acme", "key", "m").requests += 1
        await parts.writer.finish()
        lock.close()
        assert len(parts.files) == 1
        await parts.new_writer(parts.records.usage).adopt()
        assert await parts.written() == 2

    url = f"sqlite+aiosqlite:///{tmp_path}/conch.db"
    asyncio.run(migrate(url))
    with_parts(Given(url, tmp_path), test)


def test_a_fault_in_gathering_is_logged_and_the_next_round_comes(
    given: Given, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writers, "GATHER_EVERY_S", 0.01)

    async def test(parts: Parts) -> None:
        gather, faults = parts.writer.gather, [ValueError("once")]

        def broken() -> None:
            if faults:
                raise faults.pop()
            gather()

        monkeypatch.setattr(parts.writer, "gather", broken)
        tally(parts.usage, "acme", "key", "m").requests += 1
        parts.writer.start()
        await until(lambda: not faults)
        await parts.writer.finish()
        assert await parts.written() == 1

    with_parts(given, test)
    assert "usage_not_gathered" in capsys.readouterr().out


def test_a_fault_in_closing_a_batch_does_not_stop_the_writing(
    given: Given, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writers, "WRITE_EVERY_S", 0.01)
    # A machine that takes long to tell the fault would rest from it.
    monkeypatch.setattr(writers, "MOST_PAUSE_S", 0.01)

    async def test(parts: Parts) -> None:
        close, faults = parts.writer.close, [ValueError("once")]

        def broken() -> None:
            if faults:
                raise faults.pop()
            close()

        monkeypatch.setattr(parts.writer, "close", broken)
        tally(parts.usage, "acme", "key", "m").requests += 1
        parts.writer.start()
        async with asyncio.timeout(10):
            while await parts.written() < 1:
                await asyncio.sleep(0.01)
        await parts.writer.finish()

    with_parts(given, test)
    assert "usage_not_gathered" in capsys.readouterr().out


def test_a_fault_of_the_metrics_costs_no_usage(
    given: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(batch: Batch) -> None:
        raise OSError("no space left")

    async def test(parts: Parts) -> None:
        writer = UsageWriter(parts.records.usage, parts.usage, parts.folder, broken)
        writer.start()
        tally(parts.usage, "acme", "key", "m").requests += 1
        await writer.finish()
        assert await parts.written() == 1

    with_parts(given, test)
    assert "usage_not_shown" in capsys.readouterr().out


async def _writers(records: Records) -> int:
    async with records._engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT count(*) FROM usage_writers")
        return int(found.scalar_one())
