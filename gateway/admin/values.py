"""Kinds of values that several parts of the admin API take, the pages that it gives, and errors."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from gateway.errors import InvalidInput
from gateway.permissions import check_pattern
from gateway.rates import MAX_BURST, check_burst, parse_rate
from gateway.shown import shown
from gateway.tenants import check_tenant

MAX_PAGE = 1000

# Described by these, and refused by our own checks, in the command line's sentences.
TENANT_FORM = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ID_FORM = r"^[0-9A-Za-z]{12}$"
# Empty: what has no model.
MODEL_FORM = r"^[A-Za-z0-9._-]{0,128}$"
PATTERN_FORM = r"^[A-Za-z0-9._*?\[\]!-]{1,128}$"
RATE_FORM = r"^0*[1-9][0-9]{0,9}/[smh]$"
BUDGET_FORM = r"^0*[0-9]{1,16}/(day|month)$"

Value = TypeVar("Value")


def checked(check: Callable[[Value], object]) -> AfterValidator:
    """Refuses what this check refuses, in its words."""

    def run(value: Value) -> Value:
        try:
            check(value)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return value

    return AfterValidator(run)


def described(**members: JsonValue) -> Any:
    """What is only told of a value, such as the pattern of its form."""
    return Field(json_schema_extra=members)


def _check_id(text: str) -> None:
    if not re.fullmatch(ID_FORM, text):
        raise InvalidInput(
            f"id {shown(text)} is not 12 ASCII letters and digits; "
            "the lists of keys and of limits show the ids"
        )


def _check_model(name: str) -> None:
    if not re.fullmatch(MODEL_FORM, name):
        raise InvalidInput(
            f"model {shown(name)} is not a name of at most 128 ASCII letters, digits, '.', '_' "
            "or '-'; empty is what has no model"
        )


TenantName = Annotated[
    str, checked(check_tenant), described(pattern=TENANT_FORM, examples=["acme"])
]
Id = Annotated[str, checked(_check_id), described(pattern=ID_FORM, examples=["zrb23PdQMqzo"])]
ModelName = Annotated[str, checked(_check_model), described(pattern=MODEL_FORM)]
ModelPattern = Annotated[str, checked(check_pattern), described(pattern=PATTERN_FORM)]
RateText = Annotated[
    str, checked(lambda rate: parse_rate(rate, None)), described(pattern=RATE_FORM)
]
Burst = Annotated[
    int,
    Field(strict=True),
    checked(check_burst),
    described(minimum=1, maximum=MAX_BURST),
]

TenantInPath = Annotated[TenantName, Path(description="Name of the tenant.")]
IdInPath = Annotated[Id, Path(description="Its id.")]
OfTenant = Annotated[TenantName | None, Query(description="Only this tenant's.")]
AfterId = Annotated[Id | None, Query(description="`next` of the page before; none: the first.")]
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
