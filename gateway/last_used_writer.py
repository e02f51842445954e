"""Writes when keys were last used: a task of every worker, beside the requests."""

import asyncio
from datetime import UTC, datetime

import structlog

from gateway.data.last_used import LastUsed
from gateway.records.store import Records

WRITE_EVERY_S = 10.0
# Short transactions: those who make and revoke keys wait for them.
_BATCH = 500

_log = structlog.get_logger()


async def keep_writing(records: Records, last_used: LastUsed) -> None:
    """Write what was noted, every few seconds, until cancelled."""
    while True:
        await asyncio.sleep(WRITE_EVERY_S)
        await write_last_used(records, last_used)


async def write_last_used(records: Records, last_used: LastUsed) -> None:
    """Write what was noted since the last time; what cannot be written is dropped and logged."""
    # In order, so that two workers never wait for each other.
    uses = sorted(last_used.take().items())
    try:
        for start in range(0, len(uses), _BATCH):
            batch = uses[start : start + _BATCH]
            await records.note_used({key_id: datetime.fromtimestamp(s, UTC) for key_id, s in batch})
    except Exception as error:  # whatever it is, a key that goes on being used is noted again
        _log.warning("last_used_unwritable", error=str(error))
