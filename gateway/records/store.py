"""The records as the gateway and the command line use them: keys made, found, rotated, revoked."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import keys
from gateway.errors import InvalidInput
from gateway.keys import USUAL_TERMS, Key, KeyState, NewKey, Terms
from gateway.moments import check_period
from gateway.rates import Rate, parse_rate
from gateway.records.engine import open_engine
from gateway.records.rows import grants_text, key_of
from gateway.records.schema import CHANGE_COUNTER, CHANGES, KEYS, TENANTS
from gateway.records.usage import UsageRecords
from gateway.tenants import check_tenant
from gateway.tls_subjects import check_subject

# How often the use of one key is written, whatever number of workers see it.
LAST_USED_EVERY = timedelta(minutes=1)


class Records:
    """Tenants and keys in a database that `migrate` has made."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)

    async def close(self) -> None:
        await self._engine.dispose()

    @property
    def usage(self) -> UsageRecords:
        """What was used, in the same database."""
        return UsageRecords(self._engine)

    async def create_key(
        self,
        tenant: str,
        *,
        rate: str | None = None,
        burst: int | None = None,
        terms: Terms = USUAL_TERMS,
    ) -> NewKey:
        """`create_key("acme", rate="100/s", burst=200)`; its token is never to be had again."""
        new = keys.generate()
        token_hash = keys.hash_token(new.token.encode())
        await self._insert(tenant, parse_rate(rate, burst), terms, id=new.id, token_hash=token_hash)
        return new

    async def create_certificate_key(
        self,
        tenant: str,
        subject: str,
        *,
        rate: str | None = None,
        burst: int | None = None,
        terms: Terms = USUAL_TERMS,
    ) -> str:
        """A key without a secret: who shows a certificate of this subject has it. Its id."""
        subject = check_subject(subject)
        key_id = keys.generate().id
        try:
            await self._insert(
                tenant,
                parse_rate(rate, burst),
                terms,
                id=key_id,
                token_hash=keys.hash_subject(subject),
                tls_subject=subject,
            )
        except IntegrityError as error:
            raise InvalidInput(
                f"TLS subject {subject!r} has a key already; `conch keys list` shows the keys"
            ) from error
        return key_id

    async def find_key(self, key_id: str) -> Key | None:
        return await self._find(KEYS.c.id == key_id)

    async def find_subject(self, subject: str) -> Key | None:
        """The key of whoever shows a certificate of this subject."""
        return await self._find(KEYS.c.tls_subject == subject)

    async def list_keys(self) -> list[Key]:
        """All keys, the oldest first."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(KEYS).order_by(KEYS.c.created, KEYS.c.id))
            return [key_of(row) for row in rows]

    async def key_count(self) -> int:
        """How many keys there are, revoked ones included."""
        async with self._engine.connect() as connection:
            return await connection.scalar(select(func.count()).select_from(KEYS)) or 0

    async def rotate_key(self, key_id: str, overlap: timedelta) -> NewKey:
        """A new secret for the key; the one that it has goes on until the overlap is over."""
        new = keys.renew(key_id)
        now = datetime.now(UTC)
        async with self._engine.begin() as connection:
            await _record_change(connection, key_id)
            rows = await connection.execute(select(KEYS).where(KEYS.c.id == key_id))
            row = rows.one_or_none()
            key = None if row is None else key_of(row)
            token_hash = _hash_to_replace(key_id, key, overlap, now)
            await connection.execute(
                update(KEYS)
                .where(KEYS.c.id == key_id)
                .values(
                    token_hash=keys.hash_token(new.token.encode()),
                    old_token_hash=token_hash if overlap else None,
                    old_ends=now + overlap if overlap else None,
                )
            )
        return new

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
                raise _none_in_force(key_id)

    async def note_used(self, uses: Mapping[str, datetime]) -> None:
        """Write when keys were last used; it is no change of them, so no worker forgets them."""
        if not uses:
            return
        long_ago = or_(KEYS.c.last_used.is_(None), KEYS.c.last_used <= bindparam("before"))
        async with self._engine.begin() as connection:
            await connection.execute(
                update(KEYS)
                .where(KEYS.c.id == bindparam("key_id"), long_ago)
                .values(last_used=bindparam("used")),
                [
                    {"key_id": key_id, "used": used, "before": used - LAST_USED_EVERY}
                    for key_id, used in uses.items()
                ],
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

    async def _find(self, condition: ColumnElement[bool]) -> Key | None:
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(KEYS).where(condition))
            row = rows.one_or_none()
        return None if row is None else key_of(row)

    async def _insert(self, tenant: str, limit: Rate | None, terms: Terms, **of_key: Any) -> None:
        now = datetime.now(UTC)
        check_tenant(tenant)
        check_period(terms.not_before, terms.expires, now)
        async with self._engine.begin() as connection:
            # First the counter: it is the lock that puts writers in order.
            await _record_change(connection, of_key["id"])
            await _ensure_tenant(connection, tenant, now)
            await connection.execute(
                insert(KEYS).values(
                    tenant=tenant,
                    grants=grants_text(terms.grants),
                    networks=" ".join(terms.networks),
                    rate_amount=limit and limit.amount,
                    rate_period_s=limit and limit.period_s,
                    burst=limit and limit.burst,
                    created=now,
                    not_before=terms.not_before,
                    expires=terms.expires,
                    **of_key,
                )
            )


def _hash_to_replace(key_id: str, key: Key | None, overlap: timedelta, now: datetime) -> bytes:
    """Hash of the secret that goes; raises InvalidInput if the key cannot be rotated now."""
    if key is None or keys.state(key, now) in (KeyState.REVOKED, KeyState.EXPIRED):
        raise _none_in_force(key_id)
    if key.tls_subject is not None:
        raise InvalidInput(
            f"key {key_id!r} has no secret: the certificate of {key.tls_subject} stands for it; "
            "renew that"
        )
    # A third secret would cut off whoever still uses the first, before the time they were told.
    if overlap and key.old_ends is not None and now < key.old_ends:
        raise InvalidInput(
            f"key {key_id!r} has two secrets until {key.old_ends.isoformat(timespec='seconds')}; "
            "wait until then, or end both at once with --overlap 0h"
        )
    return key.token_hash


def _none_in_force(key_id: str) -> InvalidInput:
    return InvalidInput(f"no key {key_id!r} is in force; `conch keys list` shows the keys")


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
