"""The audit log over the admin API: it can be read, and nothing else."""

import re
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from gateway.admin.access import Acting
from gateway.admin.values import TENANT_FORM, Most, Page, checked, described, page_of, problems
from gateway.errors import InvalidInput
from gateway.shown import shown

router = APIRouter(prefix="/v1/audit", tags=["audit"])

_CURSOR_FORM = r"^[1-9][0-9]{0,17}$"


def _check_subject(text: str) -> None:
    if not re.fullmatch(TENANT_FORM, text):
        raise InvalidInput(
            f"subject {shown(text)} is neither a name of a tenant or admin nor an id; these are "
            "1 to 64 ASCII letters, digits, '.', '_' or '-'"
        )


def _check_cursor(text: str) -> None:
    if not re.fullmatch(_CURSOR_FORM, text):
        raise InvalidInput(
            f"after {shown(text)} is not the `next` of a page of the log; send it as it came"
        )


Subject = Annotated[str, checked(_check_subject), described(pattern=TENANT_FORM)]
Cursor = Annotated[str, checked(_check_cursor), described(pattern=_CURSOR_FORM)]
OfSubject = Annotated[
    Subject | None,
    Query(
        description="Only of this tenant with its keys and limits, or this admin, key id or "
        "limit id."
    ),
]
After = Annotated[Cursor | None, Query(description="`next` of the page before: older ones.")]


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
