"""A PostgreSQL that is away for some seconds under load."""

import asyncio
from pathlib import Path

from tests.gateway.postgresql import PostgresqlServer
from tests.gateway.test_parent import come_true
from tests.gateway.usage.counting_load import sums
from tests.gateway.usage.test_crashes import loaded, run


def test_records_that_are_away_for_seconds_under_load_miss_nothing(
    postgresql: PostgresqlServer, tmp_path: Path
) -> None:
    url = postgresql.new_database()

    async def test() -> None:
        async with loaded(url, tmp_path) as gateway:
            await gateway.answered(200)
            await asyncio.to_thread(postgresql.stop)
            try:
                # Two a second.
                await come_true(lambda: gateway.spooled_batches >= 8)
            finally:
                await asyncio.to_thread(postgresql.start)
            await gateway.answered(100)
            await gateway.load.stop()
            _, output, _ = await gateway.end()
            assert "usage_unwritable" in output
            assert all(got.status == 200 for got in gateway.load.got)
            assert await gateway.recorded() == sums(gateway.load.got)

    run(test)
