"""From rows of the records to keys, limits, tenants and admins, and back."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from gateway.admins import Admin
from gateway.keys import Key
from gateway.limits import Budget, Concurrency, Limit, Measure, Metric, Period
from gateway.measures import kind_of
from gateway.permissions import Grants, read_grant
from gateway.rates import PERIODS_S, Rate
from gateway.tenants import Tenant

_UNITS = {period_s: unit for unit, period_s in PERIODS_S.items()}


def key_of(row: Row[Any], limits: tuple[Limit, ...] = ()) -> Key:
    """The key that a row holds, joined with `tenant_disabled`, and the limits that apply to it."""
    limit = None
    if row.rate_amount is not None:
        limit = _rate(row.rate_amount, row.rate_period_s, row.burst)
    return Key(
        id=row.id,
        tenant=row.tenant,
        token_hash=row.token_hash,
        grants=_grants(row.grants),
        limit=limit,
        created=utc(row.created),
        revoked=_moment(row.revoked),
        old_token_hash=row.old_token_hash,
        old_ends=_moment(row.old_ends),
        not_before=_moment(row.not_before),
        expires=_moment(row.expires),
        networks=tuple(row.networks.split()),
        tls_subject=row.tls_subject,
        last_used=_moment(row.last_used),
        limits=limits,
        is_tenant_disabled=row.tenant_disabled is not None,
    )


def tenant_of(row: Row[Any]) -> Tenant:
    """The tenant that a row holds, with its `key_count`."""
    return Tenant(row.name, utc(row.created), _moment(row.disabled), row.key_count)


def admin_of(row: Row[Any]) -> Admin:
    """The admin that a row holds."""
    return Admin(row.name, row.tls_subject, utc(row.created), _moment(row.revoked))


def limit_of(row: Row[Any]) -> Limit:
    """The limit that a row holds."""
    return _limit(
        *(row.id, row.tenant, row.key_id, row.models, row.metric),
        *(row.kind, row.amount, row.period, row.burst),
    )


def measure_columns(measure: Measure) -> dict[str, object]:
    """The columns that tell of a measure."""
    period: str | None
    if isinstance(measure, Rate):
        amount, period, burst = measure.amount, _UNITS[measure.period_s], measure.burst
    elif isinstance(measure, Budget):
        amount, period, burst = measure.amount, str(measure.period), None
    else:
        amount, period, burst = measure.slots, None, None
    return {"kind": kind_of(measure), "amount": amount, "period": period, "burst": burst}


def grants_text(grants: Grants) -> str:
    """The text of the column `grants`; neither verbs nor patterns hold spaces."""
    return " ".join(map(str, grants))


@lru_cache(maxsize=1024)
def _grants(text: str) -> Grants:
    # Most keys are granted the same: read once, and held once in memory.
    return tuple(map(read_grant, text.split()))


@lru_cache(maxsize=1024)
def _rate(amount: int, period_s: int, burst: int) -> Rate:
    return Rate(amount, period_s, burst)


@lru_cache(maxsize=1024)
def _limit(
    limit_id: str,
    tenant: str,
    key_id: str | None,
    models: str,
    metric: str,
    kind: str,
    amount: int,
    period: str,
    burst: int,
) -> Limit:
    # All keys of a tenant have the same ones.
    measure: Measure
    if kind == "rate":
        measure = Rate(amount, PERIODS_S[period], burst)
    elif kind == "budget":
        measure = Budget(amount, Period(period))
    else:
        measure = Concurrency(amount)
    return Limit(limit_id, tenant, key_id, models, Metric(metric), measure)


def _moment(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment)


def utc(moment: datetime) -> datetime:
    """A moment of the records with its time zone."""
    # SQLite forgets the time zone; all moments are written in UTC.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
