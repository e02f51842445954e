"""Records for a test, opened, used and closed on one event loop."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.keys import Key
from gateway.records.store import Records

ACTOR = "cli:alice"


def with_records(url: str, test: Callable[[Records], Awaitable[None]]) -> None:
    """Run an asynchronous test on records that are there."""

    async def run() -> None:
        records = Records(url, actor=ACTOR)
        try:
            await test(records)
        finally:
            await records.close()

    asyncio.run(run())


async def found(records: Records, key_id: str) -> Key:
    """The key, which must be there."""
    key = await records.find_key(key_id)
    assert key is not None
    return key
