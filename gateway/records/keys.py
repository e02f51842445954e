"""Keys in the records: made, found, listed, rotated, revoked."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import keys
from gateway.errors import InvalidInput, RecordConflict, UnknownRecord
from gateway.keys import USUAL_TERMS, Key, KeyState, NewKey, Terms
from gateway.moments import check_period
from gateway.rates import Rate, parse_rate
from gateway.records.base import Change, Store
from gateway.records.facts import key_facts
from gateway.records.limits import limits_by_key
from gateway.records.rows import grants_text, key_of
from gateway.records.schema import KEYS, TENANTS
from gateway.records.tenants import ensure_tenant
from gateway.tls_subjects import check_subject

# How often the use of one key is written, whatever number of workers see it.
LAST_USED_EVERY = timedelta(minutes=1)


class KeyRecords(Store):
    """The keys of all tenants."""

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
        await self._insert_key(
            tenant, parse_rate(rate, burst), terms, id=new.id, token_hash=token_hash
        )
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
            await self._insert_key(
                tenant,
                parse_rate(rate, burst),
                terms,
                id=key_id,
                token_hash=keys.hash_subject(subject),
                tls_subject=subject,
            )
        except IntegrityError as error:
            raise RecordConflict(
                f"TLS subject {subject!r} has a key already; `conch keys list` shows the keys"
            ) from error
        return key_id

    async def find_key(self, key_id: str) -> Key | None:
        """The key of this id, with the limits that apply to it."""
        return await self._find_key(KEYS.c.id == key_id)

    async def find_subject(self, subject: str) -> Key | None:
        """The key of whoever shows a certificate of this subject."""
        return await self._find_key(KEYS.c.tls_subject == subject)

    async def list_keys(self) -> list[Key]:
        """All keys, the oldest first."""
        return await self._list_keys(_keys().order_by(KEYS.c.created, KEYS.c.id))

    async def page_of_keys(
        self, *, tenant: str | None = None, after: str | None = None, most: int = 100
    ) -> list[Key]:
        """At most so many keys in the order of their ids, from the one after `after`."""
        wanted = _keys().order_by(KEYS.c.id).limit(most)
        if tenant is not None:
            wanted = wanted.where(KEYS.c.tenant == tenant)
        if after is not None:
            wanted = wanted.where(KEYS.c.id > after)
        return await self._list_keys(wanted)

    async def key_count(self) -> int:
        """How many keys there are, revoked ones included."""
        async with self._engine.connect() as connection:
            return await connection.scalar(select(func.count()).select_from(KEYS)) or 0

    async def rotate_key(self, key_id: str, overlap: timedelta) -> NewKey:
        """A new secret for the key; the one that it has goes on until the overlap is over."""
        new = keys.renew(key_id)
        async with self._changing() as change:
            key = await find_in(change.connection, KEYS.c.id == key_id)
            token_hash = _hash_to_replace(key_id, key, overlap, change.now)
            old_ends = change.now + overlap if overlap else None
            await self._set_key(
                change,
                "key.rotate",
                key_id,
                token_hash=keys.hash_token(new.token.encode()),
                old_token_hash=token_hash if overlap else None,
                old_ends=old_ends,
            )
        return replace(new, old_ends=old_ends)

    async def revoke_key(self, key_id: str) -> None:
        """Take a key out of force; every worker has noticed within a second."""
        async with self._changing() as change:
            key = await find_in(change.connection, KEYS.c.id == key_id)
            if key is None:
                raise _none_in_force(key_id, UnknownRecord)
            if key.revoked is not None:
                raise _none_in_force(key_id, RecordConflict)
            await self._set_key(change, "key.revoke", key_id, revoked=change.now)

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

    async def _find_key(self, condition: ColumnElement[bool]) -> Key | None:
        async with self._engine.connect() as connection:
            return await find_in(connection, condition)

    async def _list_keys(self, wanted: Select[Any]) -> list[Key]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(wanted)).all()
            limits = await limits_by_key(connection, [(row.tenant, row.id) for row in rows])
            return [key_of(row, limits[row.id]) for row in rows]

    async def _insert_key(
        self, tenant: str, limit: Rate | None, terms: Terms, **of_key: Any
    ) -> None:
        check_period(terms.not_before, terms.expires, datetime.now(UTC))
        async with self._changing() as change:
            await ensure_tenant(change, tenant)
            await change.connection.execute(
                insert(KEYS).values(
                    tenant=tenant,
                    grants=grants_text(terms.grants),
                    networks=" ".join(terms.networks),
                    rate_amount=limit and limit.amount,
                    rate_period_s=limit and limit.period_s,
                    burst=limit and limit.burst,
                    created=change.now,
                    not_before=terms.not_before,
                    expires=terms.expires,
                    **of_key,
                )
            )
            made = await find_in(change.connection, KEYS.c.id == of_key["id"])
            assert made is not None
            await change.note("key.create", made.id, after=key_facts(made), key_id=made.id)

    async def _set_key(self, change: Change, action: str, key_id: str, **columns: Any) -> None:
        before = await find_in(change.connection, KEYS.c.id == key_id)
        await change.connection.execute(update(KEYS).where(KEYS.c.id == key_id).values(columns))
        after = await find_in(change.connection, KEYS.c.id == key_id)
        assert before is not None and after is not None
        await change.note(
            action, key_id, before=key_facts(before), after=key_facts(after), key_id=key_id
        )


def _keys() -> Select[Any]:
    return select(KEYS, TENANTS.c.disabled.label("tenant_disabled")).join(TENANTS)


async def find_in(connection: AsyncConnection, condition: ColumnElement[bool]) -> Key | None:
    """The key, seen in this transaction."""
    row = (await connection.execute(_keys().where(condition))).one_or_none()
    if row is None:
        return None
    limits = await limits_by_key(connection, [(row.tenant, row.id)])
    return key_of(row, limits[row.id])


def _hash_to_replace(key_id: str, key: Key | None, overlap: timedelta, now: datetime) -> bytes:
    """Hash of the secret that goes; raises InvalidInput if the key cannot be rotated now."""
    if key is None:
        raise _none_in_force(key_id, UnknownRecord)
    if keys.state(key, now) in (KeyState.REVOKED, KeyState.EXPIRED):
        raise _none_in_force(key_id, RecordConflict)
    if key.tls_subject is not None:
        raise RecordConflict(
            f"key {key_id!r} has no secret: the certificate of {key.tls_subject} stands for it; "
            "renew that"
        )
    # A third secret would cut off whoever still uses the first, before the time they were told.
    if overlap and key.old_ends is not None and now < key.old_ends:
        raise RecordConflict(
            f"key {key_id!r} has two secrets until {key.old_ends.isoformat(timespec='seconds')}; "
            "wait until then, or end both at once with --overlap 0h"
        )
    return key.token_hash


def _none_in_force(key_id: str, kind: type[InvalidInput]) -> InvalidInput:
    return kind(f"no key {key_id!r} is in force; `conch keys list` shows the keys")
