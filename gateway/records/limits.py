"""Limits in the records: made, changed, removed, and those that apply to a key."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.base62 import random_text
from gateway.errors import RecordConflict, UnknownRecord
from gateway.keys import ID_LENGTH
from gateway.limits import Budget, Limit, Measure, Metric
from gateway.measures import kind_of
from gateway.permissions import check_pattern
from gateway.records.base import Change, Store
from gateway.records.facts import limit_facts
from gateway.records.rows import limit_of, measure_columns
from gateway.records.schema import KEYS, LIMITS, TENANTS
from gateway.tenants import check_tenant

# Each is looked at on every request.
MAX_LIMITS = 32


class LimitRecords(Store):
    """Limits of tenants and of keys; the rate that a key was made with stands in its own row."""

    async def create_limit(
        self,
        tenant: str,
        measure: Measure,
        *,
        key_id: str | None = None,
        models: str = "*",
        metric: Metric = Metric.REQUESTS,
    ) -> Limit:
        """`create_limit("acme", parse_measure(budget="1000000/day"), metric=Metric.SAMPLES)`."""
        check_tenant(tenant)
        check_pattern(models)
        limit = Limit(random_text(ID_LENGTH), tenant, key_id, models, metric, measure)
        async with self._changing() as change:
            await _check_owner(change.connection, limit)
            await change.connection.execute(
                insert(LIMITS).values(
                    id=limit.id,
                    tenant=tenant,
                    key_id=key_id,
                    models=models,
                    metric=metric,
                    created=change.now,
                    **measure_columns(measure),
                )
            )
            await _note(change, "limit.create", limit, after=limit_facts(limit))
        return limit

    async def find_limit(self, limit_id: str) -> Limit | None:
        async with self._engine.connect() as connection:
            return await _find(connection, limit_id)

    async def limits_of(self, tenant: str, key_id: str | None = None) -> tuple[Limit, ...]:
        """The limits that apply to a caller of this tenant with this key."""
        async with self._engine.connect() as connection:
            if key_id is None:
                return await limits_of_tenant(connection, tenant)
            return (await limits_by_key(connection, [(tenant, key_id)]))[key_id]

    async def page_of_limits(
        self,
        *,
        tenant: str | None = None,
        key_id: str | None = None,
        after: str | None = None,
        most: int | None = None,
    ) -> list[Limit]:
        """Limits in the order of their ids, from the one after `after`."""
        wanted = select(LIMITS).order_by(LIMITS.c.id).limit(most)
        if tenant is not None:
            wanted = wanted.where(LIMITS.c.tenant == tenant)
        if key_id is not None:
            wanted = wanted.where(LIMITS.c.key_id == key_id)
        if after is not None:
            wanted = wanted.where(LIMITS.c.id > after)
        return await self._read_limits(wanted)

    async def list_limits(self, *, tenant: str | None = None) -> list[Limit]:
        """All limits, those of one tenant together, the oldest first."""
        wanted = select(LIMITS).order_by(LIMITS.c.tenant, LIMITS.c.created, LIMITS.c.id)
        return await self._read_limits(wanted if tenant is None else wanted.where(_is_of(tenant)))

    async def change_limit(self, limit_id: str, measure: Measure) -> Limit:
        """Another amount for the limit; what was counted goes on, so its kind stays."""
        async with self._changing() as change:
            before = await _require(change.connection, limit_id)
            _check_kind(limit_id, before.measure, measure)
            await change.connection.execute(
                update(LIMITS).where(LIMITS.c.id == limit_id).values(measure_columns(measure))
            )
            after = await _require(change.connection, limit_id)
            facts = {"before": limit_facts(before), "after": limit_facts(after)}
            await _note(change, "limit.change", after, **facts)
            return after

    async def remove_limit(self, limit_id: str) -> Limit:
        """Remove the limit, and tell which it was."""
        async with self._changing() as change:
            limit = await _require(change.connection, limit_id)
            await change.connection.execute(delete(LIMITS).where(LIMITS.c.id == limit_id))
            await _note(change, "limit.remove", limit, before=limit_facts(limit))
            return limit

    async def _read_limits(self, wanted: Select[Any]) -> list[Limit]:
        async with self._engine.connect() as connection:
            return [limit_of(row) for row in await connection.execute(wanted)]


async def limits_of_tenant(connection: AsyncConnection, tenant: str) -> tuple[Limit, ...]:
    """Those of all keys of the tenant together."""
    rows = await connection.execute(
        select(LIMITS).where(_is_of(tenant), LIMITS.c.key_id.is_(None)).order_by(LIMITS.c.id)
    )
    return tuple(limit_of(row) for row in rows)


async def limits_by_key(
    connection: AsyncConnection, owners: Sequence[tuple[str, str]]
) -> dict[str, tuple[Limit, ...]]:
    """For each pair of tenant and key id the limits of that tenant and of that key."""
    tenants = {tenant for tenant, _ in owners}
    wanted = select(LIMITS).order_by(LIMITS.c.id)
    if len(tenants) == 1:
        wanted = wanted.where(_is_of(*tenants))
    if len(owners) == 1:
        # A tenant may have very many keys, each with limits of its own.
        ((_, only),) = owners
        wanted = wanted.where(or_(LIMITS.c.key_id.is_(None), LIMITS.c.key_id == only))
    limits = [limit_of(row) for row in await connection.execute(wanted)]
    return {
        key_id: tuple(
            limit
            for limit in limits
            if limit.tenant == tenant and limit.principal in (None, key_id)
        )
        for tenant, key_id in owners
    }


async def _check_owner(connection: AsyncConnection, limit: Limit) -> None:
    """Raise InvalidInput unless tenant and key are there and have room for one more."""
    known = await connection.scalar(select(TENANTS.c.name).where(TENANTS.c.name == limit.tenant))
    if known is None:
        raise UnknownRecord(
            f"there is no tenant {limit.tenant!r}; `conch tenants create {limit.tenant}` makes it"
        )
    if limit.principal is not None:
        tenant = await connection.scalar(select(KEYS.c.tenant).where(KEYS.c.id == limit.principal))
        if tenant != limit.tenant:
            raise UnknownRecord(
                f"tenant {limit.tenant!r} has no key {limit.principal!r}; "
                "`conch keys list` shows the keys"
            )
    same_owner = (_is_of(limit.tenant), LIMITS.c.key_id.is_not_distinct_from(limit.principal))
    count = await connection.scalar(select(func.count()).select_from(LIMITS).where(*same_owner))
    if count is not None and count >= MAX_LIMITS:
        raise RecordConflict(
            f"{_owner(limit)} has {count} limits already, the most that there can be; remove one "
            f"with `conch limits remove ID`: `conch limits list --tenant {limit.tenant}` shows them"
        )


def _owner(limit: Limit) -> str:
    tenant = f"tenant {limit.tenant!r}"
    return tenant if limit.principal is None else f"key {limit.principal!r} of {tenant}"


def _check_kind(limit_id: str, before: Measure, after: Measure) -> None:
    """Raise RecordConflict if what was counted so far means nothing to the new measure."""
    old, new = (
        f"{kind_of(one)} of a {one.period}" if isinstance(one, Budget) else str(kind_of(one))
        for one in (before, after)
    )
    if old != new:
        raise RecordConflict(
            f"limit {limit_id!r} is a {old}, and a {new} counts otherwise; "
            "remove it and add another"
        )


async def _require(connection: AsyncConnection, limit_id: str) -> Limit:
    limit = await _find(connection, limit_id)
    if limit is None:
        raise UnknownRecord(f"there is no limit {limit_id!r}; `conch limits list` shows the limits")
    return limit


async def _find(connection: AsyncConnection, limit_id: str) -> Limit | None:
    row = (await connection.execute(select(LIMITS).where(LIMITS.c.id == limit_id))).one_or_none()
    return None if row is None else limit_of(row)


async def _note(
    change: Change,
    action: str,
    limit: Limit,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    """Workers read one key anew, or all of the tenant."""
    key_id = limit.principal
    tenant = limit.tenant if key_id is None else None
    await change.note(action, limit.id, before=before, after=after, key_id=key_id, tenant=tenant)


def _is_of(tenant: str) -> ColumnElement[bool]:
    return LIMITS.c.tenant == tenant
