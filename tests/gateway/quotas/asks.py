"""Limits, Asks and Renewals of tests, of which only what matters is said."""

from typing import Any

from gateway.limits import Budget, Concurrency, Limit, Metric
from gateway.quotas.protocol import Ask, Renewal
from gateway.rates import Rate

TEN_SLOTS = Concurrency(10)


def limit_of(measure: Rate | Concurrency | Budget, limit_id: str = "limit") -> Limit:
    return Limit(limit_id, "acme", None, "*", Metric.REQUESTS, measure)


def ask_of(measure: Rate | Concurrency | Budget, limit_id: str = "limit", **totals: int) -> Ask:
    return ask_about(limit_of(measure, limit_id), **totals)


def ask_about(limit: Limit, **totals: int) -> Ask:
    rest: dict[str, Any] = {"granted": 0, "spent": 0, "returned": 0, "needs": 0, "wants": 0}
    rest |= {"epoch": 1, "quiet_us": 0, "needed": totals.get("needs", 0)}
    return Ask(limit=limit, **(rest | totals))


def renewal_of(*asks: Ask, number: int = 1, holder: str = "h1", tenant: str = "acme") -> Renewal:
    return Renewal(tenant=tenant, holder=holder, number=number, asks=asks)
