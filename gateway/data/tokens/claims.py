"""From the claims of a token whose signature holds to a principal."""

from collections.abc import Callable
from typing import TypeVar

from gateway.data.principal import Principal, own_rate
from gateway.data.tokens.faults import Refused
from gateway.errors import InvalidInput
from gateway.jwt_issuers import Claim, JwtIssuer
from gateway.permissions import Grant
from gateway.token_values import limit_from, models_from, permissions_from, tenant_from

# A principal is remembered for so long at most; then its issuer's keys are looked at again.
TRUST_S = 60.0
MAX_SUBJECT_CHARACTERS = 255
# Longer is a mistake, or a token that nobody can take back.
MAX_LIFETIME_S = 366 * 24 * 3600.0
# The end of the year 9999. Python's integers know no bound, floats do.
MAX_SECONDS = 253_402_300_799
_T = TypeVar("_T")


def principal_of(issuer: JwtIssuer, claims: dict[str, object], now_s: float) -> Principal:
    """Whom the claims stand for; `now_s` is seconds since 1970. Raises Refused."""
    _check_audience(issuer, claims)
    expires_s = _trusted_until_s(issuer, claims, now_s)
    subject = _subject(claims)
    try:
        permissions = _value(
            issuer.permissions, claims, lambda v: permissions_from(v, issuer.permission_prefix)
        )
        principal_id = f"jwt:{issuer.issuer}#{subject}"
        tenant = _value(issuer.tenant, claims, tenant_from)
        rate = _value(issuer.limit, claims, limit_from)
        return Principal(
            id=principal_id,
            tenant=tenant,
            grants=(Grant(permissions, _value(issuer.models, claims, models_from)),),
            limits=() if rate is None else (own_rate(tenant, principal_id, rate),),
            calm_until_s=expires_s,
        )
    except InvalidInput as error:
        raise Refused("a claim does not map to what it stands for", error) from error


def _trusted_until_s(issuer: JwtIssuer, claims: dict[str, object], now_s: float) -> float:
    expires_s = _seconds(claims, "exp")
    if expires_s is None:
        raise Refused("it has no exp")
    if now_s >= expires_s + issuer.leeway_s:
        raise Refused("it has expired", expires_s)
    if expires_s > now_s + MAX_LIFETIME_S:
        raise Refused("its exp is more than a year ahead", expires_s)
    for name in ("nbf", "iat"):
        begins_s = _seconds(claims, name)
        if begins_s is not None and now_s < begins_s - issuer.leeway_s:
            raise Refused(f"its {name} lies in the future", begins_s)
    return min(expires_s + issuer.leeway_s, now_s + TRUST_S)


def _seconds(claims: dict[str, object], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    # bool is an int to Python.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS:
        return value
    raise Refused(f"its {name} is not a number of seconds since 1970", value)


def _check_audience(issuer: JwtIssuer, claims: dict[str, object]) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in audiences) or issuer.audience not in audiences:
        raise Refused("its aud does not name this gateway", audience)


def _subject(claims: dict[str, object]) -> str:
    subject = claims.get("sub")
    if (
        not isinstance(subject, str)
        or not 1 <= len(subject) <= MAX_SUBJECT_CHARACTERS
        or not (subject.isascii() and subject.isprintable())
    ):
        raise Refused(f"its sub is not 1 to {MAX_SUBJECT_CHARACTERS} printable ASCII characters")
    return subject


def _value(source: _T | Claim, claims: dict[str, object], read: Callable[[object], _T]) -> _T:
    if not isinstance(source, Claim):
        return source
    if source.name not in claims:
        raise InvalidInput(f"the claim {source.name!r} is missing")
    return read(claims[source.name])
