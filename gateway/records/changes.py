"""What changed since a worker looked last."""

from dataclasses import dataclass

from sqlalchemy import select

from gateway.records.base import Store
from gateway.records.schema import CHANGE_COUNTER, CHANGES


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be read anew: these keys, and all that is these tenants'."""

    last: int
    key_ids: list[str]
    tenants: list[str]


class ChangeRecords(Store):
    """The numbered list of changes."""

    async def last_change(self) -> int:
        """Number of the newest change."""
        async with self._engine.connect() as connection:
            return await connection.scalar(select(CHANGE_COUNTER.c.last)) or 0

    async def changes_since(self, number: int) -> Changes:
        """What changed after the change of this number."""
        async with self._engine.connect() as connection:
            last = await connection.scalar(select(CHANGE_COUNTER.c.last)) or 0
            if last == number:
                return Changes(last, [], [])
            found = await connection.execute(
                select(CHANGES).where(CHANGES.c.id > number).order_by(CHANGES.c.id)
            )
            rows = found.all()
        return Changes(
            # The second look may have seen later ones.
            max(last, rows[-1].id) if rows else last,
            [row.key_id for row in rows if row.key_id is not None],
            [row.tenant for row in rows if row.tenant is not None],
        )
