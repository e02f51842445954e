"""How a worker reads the records, and follows what changes in them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.data.auth import Authenticator
from gateway.errors import RecordsUnavailable
from gateway.quotas.holder import Holder
from gateway.records.migrate import reason_of
from gateway.records.store import Records

POLL_S = 0.25
# How long known keys go on working when it cannot be read whether they were revoked.
TRUST_S = 60.0

T = TypeVar("T")

_log = structlog.get_logger()


def readable(read: Callable[[str], Awaitable[T]]) -> Callable[[str], Awaitable[T]]:
    """The same look-up, telling clients that the records cannot be read, and the log why."""

    async def find(wanted: str) -> T:
        try:
            return await read(wanted)
        except (SQLAlchemyError, OSError) as error:
            _log.error("records_unreadable", error=reason_of(error))
            raise RecordsUnavailable("Keys cannot be read just now; try again.") from error

    return find


async def follow_changes(
    records: Records, authenticator: Authenticator, holder: Holder, seen: int
) -> None:
    """Evict what changed: a key revoked anywhere is refused here within a second, and nothing is
    held on to that was given by a limit of before."""
    clock = asyncio.get_running_loop().time
    failing_since_s: float | None = None
    while True:
        await asyncio.sleep(POLL_S)
        try:
            changes = await records.changes_since(seen)
        except Exception as error:  # whatever it is, revocation must not end with it
            if failing_since_s is None:
                _log.error("changes_unreadable", error=reason_of(error))
                failing_since_s = clock()
            elif clock() - failing_since_s > TRUST_S:
                authenticator.evict_all()
            continue
        failing_since_s = None
        if changes.last < seen:
            # Other records, as after a restore from a backup.
            authenticator.evict_all()
        if changes.key_ids:
            authenticator.evict(changes.key_ids)
        if changes.tenants:
            authenticator.evict_tenants(frozenset(changes.tenants))
        if changes.key_ids or changes.tenants:
            holder.recall(frozenset(changes.key_ids), frozenset(changes.tenants))
        seen = changes.last
