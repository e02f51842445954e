"""Limits over the admin API."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.admin.access import Acting
from gateway.admin.values import (
    BUDGET_FORM,
    AfterId,
    Burst,
    Given,
    Id,
    IdInPath,
    ModelPattern,
    Most,
    OfTenant,
    Page,
    RateText,
    TenantName,
    checked,
    described,
    example,
    page_of,
    problems,
)
from gateway.errors import UnknownRecord
from gateway.limits import MAX_CONCURRENCY, Concurrency, Limit, Measure, Metric, parse_budget
from gateway.measures import parse_change, parse_measure
from gateway.records.facts import limit_facts

router = APIRouter(prefix="/v1/limits", tags=["limits"])

Slots = Annotated[
    int,
    Field(strict=True),
    checked(Concurrency),
    described(minimum=1, maximum=MAX_CONCURRENCY),
]
BudgetText = Annotated[str, checked(parse_budget), described(pattern=BUDGET_FORM)]
OfKey = Annotated[Id | None, Query(description="Only this key's own.")]


class LimitView(BaseModel):
    """A limit as recorded: one of rate, concurrency and budget is not null."""

    id: str
    tenant: str
    # Null: of all keys of the tenant together.
    key: str | None
    models: str
    metric: Metric
    rate: str | None
    burst: int | None
    concurrency: int | None
    budget: str | None


class GivenMeasure(Given):
    """One of rate (with a burst), concurrency and budget."""

    model_config = example(rate="200/s", burst=400)

    rate: RateText | None = None
    burst: Burst | None = None
    concurrency: Slots | None = None
    budget: BudgetText | None = None

    def measure(self) -> Measure:
        return parse_measure(**self._parts())

    def change_of(self, known: Limit | None) -> Measure:
        return parse_change(known, **self._parts())

    def _parts(self) -> dict[str, Any]:
        return self.model_dump(include={"rate", "burst", "concurrency", "budget"})


class NewLimit(GivenMeasure):
    """A limit of a tenant, or of one of its keys."""

    model_config = example(tenant="acme", models="mnist_*", metric="samples", budget="1000000/day")

    tenant: TenantName
    # None: of all keys of the tenant together.
    key: Id | None = None
    models: ModelPattern = "*"
    metric: Metric = Metric.REQUESTS


@router.get("", responses=problems())
async def list_limits(
    records: Acting,
    tenant: OfTenant = None,
    key: OfKey = None,
    after: AfterId = None,
    limit: Most = 100,
) -> Page[LimitView]:
    """The limits by id; rates that keys were made with are shown with the keys."""
    found = await records.page_of_limits(tenant=tenant, key_id=key, after=after, most=limit)
    return page_of(list(map(_view, found)), limit, found[-1].id if found else None)


@router.post("", status_code=201, responses=problems(404, 409))
async def create_limit(records: Acting, given: NewLimit) -> LimitView:
    """Limit a tenant or one of its keys; workers hold it within a second."""
    made = await records.create_limit(
        given.tenant,
        given.measure(),
        key_id=given.key,
        models=given.models,
        metric=given.metric,
    )
    return _view(made)


@router.get("/{limit_id}", responses=problems(404))
async def show_limit(records: Acting, limit_id: IdInPath) -> LimitView:
    """One limit."""
    found = await records.find_limit(limit_id)
    if found is None:
        raise UnknownRecord(f"there is no limit {limit_id!r}")
    return _view(found)


@router.patch("/{limit_id}", responses=problems(404, 409))
async def change_limit(records: Acting, limit_id: IdInPath, given: GivenMeasure) -> LimitView:
    """Give a limit another amount of the same kind; what was counted so far goes on.

    With a rate alone, a burst that is not the rate's own number stays.
    """
    measure = given.change_of(await records.find_limit(limit_id))
    return _view(await records.change_limit(limit_id, measure))


@router.delete("/{limit_id}", status_code=204, responses=problems())
async def remove_limit(records: Acting, limit_id: IdInPath) -> None:
    """Remove a limit; doing it again is no error."""
    with suppress(UnknownRecord):
        await records.remove_limit(limit_id)


def _view(limit: Limit) -> LimitView:
    return LimitView.model_validate(limit_facts(limit))
