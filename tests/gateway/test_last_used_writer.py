"""Uses of keys reach the records, in batches, and a failure does no harm."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import last_used_writer
from gateway.data.last_used import LastUsed
from gateway.last_used_writer import write_last_used
from gateway.records.migrate import migrate
from gateway.records.store import Records


def test_uses_are_written_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_used_writer, "_BATCH", 2)
    url = f"sqlite+aiosqlite:///{tmp_path}/conch.db"

    async def test() -> None:
        await migrate(url)
        records, last_used = Records(url), LastUsed()
        try:
            for _ in range(5):
                last_used.note((await records.create_key("acme")).id, 1_800_000_000.0)
            await write_last_used(records, last_used)
            found = await records.list_keys()
        finally:
            await records.close()
        assert {key.last_used for key in found} == {datetime.fromtimestamp(1_800_000_000, UTC)}
        assert not last_used.take()

    asyncio.run(test())


def test_records_that_cannot_be_written_are_logged_and_the_task_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        records, last_used = Records(f"sqlite+aiosqlite:///{tmp_path}/empty.db"), LastUsed()
        last_used.note("a", 1.0)
        try:
            await write_last_used(records, last_used)
        finally:
            await records.close()

    asyncio.run(test())
    assert "last_used_unwritable" in capsys.readouterr().out
