"""The audit log over the admin API: it can be read, and nothing else."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from gateway.admin.access import Acting
from gateway.admin.values import TENANT_FORM, Most, Page, page_of, problems

router = APIRouter(prefix="/v1/audit", tags=["audit"])

OfSubject = Annotated[
    str | None,
    Query(
        pattern=TENANT_FORM,
        description="Only of this tenant with its keys and limits, or this admin, key id or "
        "limit id.",
    ),
]
After = Annotated[
    str | None,
    Query(pattern=r"^[1-9][0-9]{0,17}$", description="`next` of the page before: older ones."),
]


class AuditView(BaseModel):
    """One change: `before` is null for what was made, `after` for what was removed."""

    id: int
    at: datetime
    # `cli:USER`, `admin:NAME`, or `loopback`: without authentication.
    actor: str
    action: str
    subject: str
    before: dict[str, object] | None
    after: dict[str, object] | None


@router.get("", responses=problems())
async def list_audit(
    records: Acting, subject: OfSubject = None, after: After = None, limit: Most = 100
) -> Page[AuditView]:
    """Who changed what, the newest first."""
    before = None if after is None else int(after)
    found = await records.list_audit(subject=subject, before=before, most=limit)
    views = [AuditView.model_validate(asdict(entry)) for entry in found]
    return page_of(views, limit, str(found[-1].id) if found else None)
