"""The records as the gateway and the command line use them: keys made, found, listed, revoked."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import keys
from gateway.errors import InvalidInput
from gateway.keys import Key, NewKey
from gateway.permissions import check_patterns, client_grants
from gateway.rates import Limit, parse_limit
from gateway.records.engine import open_engine
from gateway.records.schema import CHANGE_COUNTER, CHANGES, KEYS, TENANTS
from gateway.tenants import check_tenant


class Records:
    """Tenants and keys in a database that `migrate` has made."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)

    async def close(self) -> None:
        await self._engine.dispose()

    async def create_key(
        self,
        tenant: str,
        *,
        rate: str | None = None,
        burst: int | None = None,
        models: Sequence[str] = ("*",),
    ) -> NewKey:
        """`create_key("acme", rate="100/s", burst=200)`; its token is never to be had again."""
        check_tenant(tenant)
        check_patterns(tuple(models))
        limit = parse_limit(rate, burst)
        new = keys.generate()
        now = datetime.now(UTC)
        async with self._engine.begin() as connection:
            # First the counter: it is the lock that puts writers in order.
            await _record_change(connection, new.id)
            await _ensure_tenant(connection, tenant, now)
            await connection.execute(
                insert(KEYS).values(
                    id=new.id,
                    tenant=tenant,
                    token_hash=keys.hash_token(new.token.encode()),
                    models=" ".join(models),
                    rate_amount=limit and limit.amount,
                    rate_period_s=limit and limit.period_s,
                    burst=limit and limit.burst,
                    created=now,
                )
            )
        return new

    async def find_key(self, key_id: str) -> Key | None:
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(KEYS).where(KEYS.c.id == key_id))
            row = rows.one_or_none()
        return None if row is None else _key(row)

    async def list_keys(self) -> list[Key]:
        """All keys, the oldest first."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(KEYS).order_by(KEYS.c.created, KEYS.c.id))
            return [_key(row) for row in rows]

    async def key_count(self) -> int:
        """How many keys there are, revoked ones included."""
        async with self._engine.connect() as connection:
            return await connection.scalar(select(func.count()).select_from(KEYS)) or 0

    async def revoke_key(self, key_id: str) -> None:
        """Take a key out of force; every worker has noticed within a second."""
        async with self._engine.begin() as connection:
            await _record_change(connection, key_id)
            result = await connection.execute(
                update(KEYS)
                .where(KEYS.c.id == key_id, KEYS.c.revoked.is_(None))
                .values(revoked=datetime.now(UTC))
            )
            if result.rowcount == 0:
                raise InvalidInput(
                    f"no key {key_id!r} is in force; `conch keys list` shows the keys"
                )

    async def last_change(self) -> int:
        """Number of the newest change."""
        async with self._engine.connect() as connection:
            return await connection.scalar(select(CHANGE_COUNTER.c.last)) or 0

    async def changes_since(self, number: int) -> tuple[int, list[str]]:
        """The newest change's number, and the ids of the keys that changed after `number`."""
        async with self._engine.connect() as connection:
            last = await connection.scalar(select(CHANGE_COUNTER.c.last)) or 0
            if last == number:
                return last, []
            rows = await connection.execute(
                select(CHANGES.c.id, CHANGES.c.key_id)
                .where(CHANGES.c.id > number)
                .order_by(CHANGES.c.id)
            )
            changes = rows.all()
        return (changes[-1][0] if changes else last), [key_id for _, key_id in changes]


async def _ensure_tenant(connection: AsyncConnection, tenant: str, now: datetime) -> None:
    known = await connection.scalar(select(TENANTS.c.name).where(TENANTS.c.name == tenant))
    if known is None:
        await connection.execute(insert(TENANTS).values(name=tenant, created=now))


async def _record_change(connection: AsyncConnection, key_id: str) -> None:
    number = await connection.scalar(
        update(CHANGE_COUNTER)
        .values(last=CHANGE_COUNTER.c.last + 1)
        .returning(CHANGE_COUNTER.c.last)
    )
    await connection.execute(insert(CHANGES).values(id=number, key_id=key_id))


def _key(row: Row[Any]) -> Key:
    limit = None
    if row.rate_amount is not None:
        limit = Limit(row.rate_amount, row.rate_period_s, row.burst)
    return Key(
        id=row.id,
        tenant=row.tenant,
        token_hash=row.token_hash,
        grants=client_grants(row.models.split()),
        limit=limit,
        created=_utc(row.created),
        revoked=None if row.revoked is None else _utc(row.revoked),
    )


def _utc(moment: datetime) -> datetime:
    # SQLite forgets the time zone; all moments are written in UTC.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
