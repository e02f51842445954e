"""Tenants over the admin API."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, StrictBool

from gateway.admin.access import Acting
from gateway.admin.values import (
    Given,
    Most,
    Page,
    TenantInPath,
    TenantName,
    page_of,
    problems,
)
from gateway.errors import UnknownRecord
from gateway.records.facts import tenant_facts
from gateway.tenants import Tenant

router = APIRouter(prefix="/v1/tenants", tags=["tenants"])


class TenantView(BaseModel):
    """A tenant as recorded."""

    name: str
    created: datetime
    # Since when it is refused.
    disabled: datetime | None
    # The revoked included.
    keys: int


class NewTenant(Given):
    """A tenant without keys."""

    name: TenantName


class TenantChange(Given):
    """What can be changed of a tenant."""

    disabled: StrictBool


@router.get("", responses=problems())
async def list_tenants(
    records: Acting,
    after: Annotated[TenantName | None, Query(description="`next` of the page before.")] = None,
    limit: Most = 100,
) -> Page[TenantView]:
    """The tenants by name."""
    found = await records.page_of_tenants(after=after, most=limit)
    return page_of(list(map(_view, found)), limit, found[-1].name if found else None)


@router.post("", status_code=201, responses=problems(409))
async def create_tenant(records: Acting, given: NewTenant) -> TenantView:
    """Make a tenant without keys; with its first key a tenant comes by itself."""
    return _view(await records.create_tenant(given.name))


@router.get("/{tenant}", responses=problems(404))
async def show_tenant(records: Acting, tenant: TenantInPath) -> TenantView:
    """One tenant."""
    found = await records.find_tenant(tenant)
    if found is None:
        raise UnknownRecord(f"there is no tenant {tenant!r}")
    return _view(found)


@router.patch("/{tenant}", responses=problems(404))
async def change_tenant(records: Acting, tenant: TenantInPath, given: TenantChange) -> TenantView:
    """Refuse all keys and tokens of a tenant, or let them in again, within a second."""
    return _view(await records.set_tenant_disabled(tenant, is_disabled=given.disabled))


@router.delete("/{tenant}", status_code=204, responses=problems(409))
async def remove_tenant(records: Acting, tenant: TenantInPath) -> None:
    """Remove a tenant that has neither keys nor limits; doing it again is no error."""
    if await records.find_tenant(tenant) is not None:
        await records.remove_tenant(tenant)


def _view(tenant: Tenant) -> TenantView:
    return TenantView.model_validate(tenant_facts(tenant) | {"keys": tenant.key_count})
