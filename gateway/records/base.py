"""What all parts of the records share: the database, who acts, and how a change is made.

Whatever changes a tenant, a key, a limit or an admin does it within `_changing`, so that the audit
log tells of it and workers learn of it in the same transaction, or nothing happens at all.
"""

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.records.engine import open_engine
from gateway.records.facts import Facts
from gateway.records.schema import AUDIT, CHANGE_COUNTER, CHANGES


class Store:
    """A database that `migrate` has made, and in whose name it is changed."""

    def __init__(self, url: str, *, actor: str = "gateway") -> None:
        self._engine = open_engine(url)
        self._actor = actor

    def acting_as(self, actor: str) -> Self:
        """The same records, changed in another name; `close` closes both."""
        other = copy.copy(self)
        other._actor = actor
        return other

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator["Change"]:
        async with self._engine.begin() as connection:
            # The lock that puts writers in order: all that is read from here on stays as it is.
            await connection.execute(update(CHANGE_COUNTER).values(last=CHANGE_COUNTER.c.last))
            yield Change(connection, self._actor)


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction that changes the records."""

    connection: AsyncConnection
    actor: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def note(
        self,
        action: str,
        subject: str,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
        key_id: str | None = None,
        tenant: str | None = None,
    ) -> None:
        """Write it into the audit log; workers read the key, or all that is the tenant's, anew."""
        number = await self.connection.scalar(
            update(CHANGE_COUNTER)
            .values(last=CHANGE_COUNTER.c.last + 1)
            .returning(CHANGE_COUNTER.c.last)
        )
        await self.connection.execute(
            insert(AUDIT).values(
                id=number,
                at=self.now,
                actor=self.actor,
                action=action,
                subject=subject,
                before=before,
                after=after,
            )
        )
        if key_id is not None or tenant is not None:
            await self.connection.execute(
                insert(CHANGES).values(id=number, key_id=key_id, tenant=tenant)
            )
