"""Usage over the admin API: who used how much, told by what one asks for."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel

from gateway.admin.access import Acting
from gateway.admin.values import ModelName, Most, OfTenant, Page, page_of, problems
from gateway.errors import InvalidInput
from gateway.moments import parse_past_moment
from gateway.usage.query import By, UsageQuery, UsageRow, counts_record

router = APIRouter(prefix="/v1/usage", tags=["usage"])

# Of a token's principal: issuer and subject.
MAX_KEY = 2048
MAX_CURSOR = 8192
# Base64 for addresses. Of other letters, so many could not be sent: escaped they fill the head.
_CURSOR_FORM = r"^[A-Za-z0-9_=-]*$"
MAX_MOMENT = 64

ToldBy = Annotated[
    list[By] | None,
    Query(max_length=len(By), description="What to add up by; repeatable. None: by tenant."),
]
OfKey = Annotated[
    str | None,
    Query(max_length=MAX_KEY, description="Only this key's: its id, or `jwt:ISSUER#SUBJECT`."),
]
OfModel = Annotated[
    ModelName | None,
    Query(description="Only this model's; empty: what has no model."),
]
Since = Annotated[
    str | None,
    Query(max_length=MAX_MOMENT, description="From this hour on: 2026-11-01, a time, or 7d ago."),
]
Until = Annotated[
    str | None, Query(max_length=MAX_MOMENT, description="Up to before this hour; none: now.")
]
After = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR,
        # Described alone: whoever sends another is told more than that it has not this form.
        json_schema_extra={"pattern": _CURSOR_FORM},
        description="`next` of the page before, of the same question.",
    ),
]

_decoder = msgspec.json.Decoder(list[str])


class UsageView(BaseModel):
    """The sums of one group; of the first five it has those that were asked for."""

    tenant: str | None = None
    key: str | None = None
    model: str | None = None
    day: str | None = None
    hour: str | None = None
    requests: int
    samples: int
    bytes: int
    compute_ms: float
    errors: int
    refused: int


@router.get("", responses=problems(), response_model_exclude_unset=True)
async def list_usage(
    records: Acting,
    by: ToldBy = None,
    tenant: OfTenant = None,
    key: OfKey = None,
    model: OfModel = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Most = 100,
) -> Page[UsageView]:
    """What was used, in the order of the groups; what was used some seconds ago is there."""
    now = datetime.now(UTC)
    query = UsageQuery(
        by=tuple(dict.fromkeys(by or [By.TENANT])),
        tenant=tenant,
        key=key,
        model=model,
        since=None if since is None else parse_past_moment(since, now),
        until=None if until is None else parse_past_moment(until, now),
    )
    behind = None if after is None else _group(after)
    found = await records.usage.usage(query, after=behind, most=limit)
    views = [_view(query, row) for row in found]
    return page_of(views, limit, _cursor(found[-1].group) if found else None)


def _view(query: UsageQuery, row: UsageRow) -> UsageView:
    group = zip(query.by, row.group, strict=True)
    return UsageView.model_validate(dict(group) | counts_record(row.counts))


def _cursor(group: Sequence[str]) -> str:
    """Names may be anything, so they go as letters that no address has to escape."""
    return base64.urlsafe_b64encode(msgspec.json.encode(group)).decode()


def _group(cursor: str) -> list[str]:
    try:
        return _decoder.decode(base64.b64decode(cursor, b"-_", validate=True))
    except ValueError as error:
        raise InvalidInput(
            f"after {cursor[:120]!r} is not the `next` of a page of usage; send it as it came"
        ) from error
