"""From rows of the records to keys, and back."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from gateway.keys import Key
from gateway.permissions import Grants, parse_grant
from gateway.rates import Rate


def key_of(row: Row[Any]) -> Key:
    """The key that a row holds."""
    limit = None
    if row.rate_amount is not None:
        limit = _limit(row.rate_amount, row.rate_period_s, row.burst)
    return Key(
        id=row.id,
        tenant=row.tenant,
        token_hash=row.token_hash,
        grants=_grants(row.grants),
        limit=limit,
        created=_utc(row.created),
        revoked=_moment(row.revoked),
        old_token_hash=row.old_token_hash,
        old_ends=_moment(row.old_ends),
        not_before=_moment(row.not_before),
        expires=_moment(row.expires),
        networks=tuple(row.networks.split()),
        tls_subject=row.tls_subject,
        last_used=_moment(row.last_used),
    )


def grants_text(grants: Grants) -> str:
    """The text of the column `grants`; neither verbs nor patterns hold spaces."""
    return " ".join(map(str, grants))


@lru_cache(maxsize=1024)
def _grants(text: str) -> Grants:
    # Most keys are granted the same: read once, and held once in memory.
    return tuple(map(parse_grant, text.split()))


@lru_cache(maxsize=1024)
def _limit(amount: int, period_s: int, burst: int) -> Rate:
    return Rate(amount, period_s, burst)


def _moment(moment: datetime | None) -> datetime | None:
    return None if moment is None else _utc(moment)


def _utc(moment: datetime) -> datetime:
    # SQLite forgets the time zone; all moments are written in UTC.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
