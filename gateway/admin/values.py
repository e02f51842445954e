"""Kinds of values that several parts of the admin API take, the pages that it gives, and errors."""

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.rates import MAX_BURST

MAX_PAGE = 1000

TENANT_FORM = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ID_FORM = r"^[0-9A-Za-z]{12}$"
# Empty: what has no model.
MODEL_FORM = r"^[A-Za-z0-9._-]{0,128}$"
PATTERN_FORM = r"^[A-Za-z0-9._*?\[\]!-]{1,128}$"
RATE_FORM = r"^[1-9][0-9]{0,11}/[smh]$"
BUDGET_FORM = r"^(0|[1-9][0-9]{0,15})/(day|month)$"

TenantName = Annotated[str, Field(pattern=TENANT_FORM, examples=["acme"])]
Id = Annotated[str, Field(pattern=ID_FORM, examples=["zrb23PdQMqzo"])]
ModelPattern = Annotated[str, Field(pattern=PATTERN_FORM)]
RateText = Annotated[str, Field(pattern=RATE_FORM)]
Burst = Annotated[int, Field(ge=1, le=MAX_BURST)]

TenantInPath = Annotated[str, Path(pattern=TENANT_FORM, description="Name of the tenant.")]
IdInPath = Annotated[str, Path(pattern=ID_FORM, description="Its id.")]
OfTenant = Annotated[str | None, Query(pattern=TENANT_FORM, description="Only this tenant's.")]
AfterId = Annotated[
    str | None, Query(pattern=ID_FORM, description="`next` of the page before; none: the first.")
]
Most = Annotated[int, Query(ge=1, le=MAX_PAGE, description="At most so many.")]

Item = TypeVar("Item")


class Given(BaseModel):
    """What a caller sends: a member that is not known is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


def example(**members: JsonValue) -> ConfigDict:
    """What `/docs` fills in: a body that makes sense as a whole."""
    return ConfigDict(json_schema_extra={"examples": [members]})


class Page(BaseModel, Generic[Item]):
    """Some of many; `next` is where to go on, null at the end."""

    items: list[Item]
    next: str | None


class Problem(BaseModel):
    """Any failure: RFC 9457, with a stable `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    error: str


def page_of(items: list[Item], most: int, cursor: str | None) -> Page[Item]:
    """A page; one that is not full is the last."""
    return Page[Item](items=items, next=cursor if len(items) == most else None)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The failures that a route may answer with, for its description."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described = {
        400: "The request is malformed",
        401: "No admin token or certificate, or not a valid one",
        403: "A page of another site asks",
        404: "No such record",
        409: "The records do not allow it",
        413: "The body is too large",
        421: "The Host field is not a name of this service",
        422: "A value makes no sense",
        503: "The records cannot be read just now",
    }
    always = (400, 401, 403, 413, 421, 422, 503)
    return {
        status: {"description": described[status], "content": content}
        for status in sorted({*always, *statuses})
    }
