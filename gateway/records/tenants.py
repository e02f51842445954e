"""Tenants in the records: made, disabled, enabled, removed."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import RecordConflict, UnknownRecord
from gateway.limits import Limit
from gateway.records.base import Change, Store
from gateway.records.facts import tenant_facts
from gateway.records.limits import limits_of_tenant
from gateway.records.rows import tenant_of
from gateway.records.schema import KEYS, LIMITS, TENANTS
from gateway.tenants import Tenant, check_tenant


@dataclass(frozen=True, slots=True)
class TenantTerms:
    """What holds for all who call for a tenant."""

    is_disabled: bool
    limits: tuple[Limit, ...]


class TenantRecords(Store):
    """Tenants; one that nobody has made comes with its first key."""

    async def create_tenant(self, name: str) -> Tenant:
        """Make a tenant without keys, as for limits of those who come with tokens."""
        check_tenant(name)
        async with self._changing() as change:
            if await _find(change.connection, name) is not None:
                raise RecordConflict(f"tenant {name!r} is there already")
            return await _insert(change, name)

    async def find_tenant(self, name: str) -> Tenant | None:
        async with self._engine.connect() as connection:
            return await _find(connection, name)

    async def tenant_terms(self, name: str) -> TenantTerms:
        """What holds for all who call for this tenant; also for one that nobody has made."""
        async with self._engine.connect() as connection:
            tenant = await _find(connection, name)
            if tenant is None:
                return TenantTerms(is_disabled=False, limits=())
            limits = await limits_of_tenant(connection, name)
            return TenantTerms(tenant.disabled is not None, limits)

    async def page_of_tenants(
        self, *, after: str | None = None, most: int | None = None
    ) -> list[Tenant]:
        """The tenants in the order of their names, from the one after `after`."""
        wanted = _tenants().order_by(TENANTS.c.name).limit(most)
        if after is not None:
            wanted = wanted.where(TENANTS.c.name > after)
        async with self._engine.connect() as connection:
            return [tenant_of(row) for row in await connection.execute(wanted)]

    async def set_tenant_disabled(self, name: str, *, is_disabled: bool) -> Tenant:
        """Refuse all that is the tenant's, or let it in again, within a second.

        Doing it again changes nothing.
        """
        async with self._changing() as change:
            before = await _require(change.connection, name)
            if (before.disabled is not None) == is_disabled:
                return before
            moment = change.now if is_disabled else None
            await change.connection.execute(
                update(TENANTS).where(TENANTS.c.name == name).values(disabled=moment)
            )
            after = await _require(change.connection, name)
            await change.note(
                "tenant.disable" if is_disabled else "tenant.enable",
                name,
                before=tenant_facts(before),
                after=tenant_facts(after),
                tenant=name,
            )
            return after

    async def remove_tenant(self, name: str) -> None:
        """Remove a tenant that has neither keys nor limits."""
        async with self._changing() as change:
            tenant = await _require(change.connection, name)
            limits = await change.connection.scalar(
                select(func.count()).select_from(LIMITS).where(LIMITS.c.tenant == name)
            )
            if tenant.key_count or limits:
                raise RecordConflict(
                    f"tenant {name!r} has {tenant.key_count} keys (revoked ones stay) and "
                    f"{limits} limits; remove the limits, and disable a tenant that has had keys: "
                    f"`conch tenants disable {name}`"
                )
            await change.connection.execute(delete(TENANTS).where(TENANTS.c.name == name))
            await change.note("tenant.remove", name, before=tenant_facts(tenant), tenant=name)


async def ensure_tenant(change: Change, name: str) -> None:
    """Make the tenant unless it is there."""
    check_tenant(name)
    if await _find(change.connection, name) is None:
        await _insert(change, name)


async def _insert(change: Change, name: str) -> Tenant:
    await change.connection.execute(insert(TENANTS).values(name=name, created=change.now))
    tenant = await _require(change.connection, name)
    await change.note("tenant.create", name, after=tenant_facts(tenant))
    return tenant


async def _require(connection: AsyncConnection, name: str) -> Tenant:
    tenant = await _find(connection, name)
    if tenant is None:
        raise UnknownRecord(f"there is no tenant {name!r}; `conch tenants list` shows the tenants")
    return tenant


async def _find(connection: AsyncConnection, name: str) -> Tenant | None:
    row = (await connection.execute(_tenants().where(TENANTS.c.name == name))).one_or_none()
    return None if row is None else tenant_of(row)


def _tenants() -> Select[Any]:
    keys = select(func.count()).select_from(KEYS).where(KEYS.c.tenant == TENANTS.c.name)
    return select(TENANTS, keys.scalar_subquery().label("key_count"))
