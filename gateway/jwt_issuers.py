"""The issuers of JSON Web Tokens that a gateway trusts, and how an operator writes them down."""

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from gateway.errors import InvalidInput
from gateway.permissions import Permission
from gateway.rates import Rate
from gateway.strict_json import parse_strict
from gateway.token_values import limit_from, models_from, permissions_from, tenant_from, words_from

MAX_ISSUERS = 32
MAX_LEEWAY_S = 60
DEFAULT_LEEWAY_S = 10

EXAMPLE = (
    '[{"issuer": "https://id.example.com", "audience": "conch", '
    '"jwks_url": "https://id.example.com/jwks.json"}]'
)
# '#' stands between issuer and subject in the id of a principal.
_NAME = re.compile(r"[!-\"$-~]{1,256}")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class KeyKind:
    """The keys that an algorithm works with; RSA has no curve."""

    kty: str
    crv: str = ""


# What can be pinned: signatures that a public key verifies. No `none`, no HMAC.
ALGORITHMS: Mapping[str, KeyKind] = {
    "RS256": KeyKind("RSA"),
    "RS384": KeyKind("RSA"),
    "RS512": KeyKind("RSA"),
    "PS256": KeyKind("RSA"),
    "PS384": KeyKind("RSA"),
    "PS512": KeyKind("RSA"),
    "ES256": KeyKind("EC", "P-256"),
    "ES384": KeyKind("EC", "P-384"),
    "ES512": KeyKind("EC", "P-521"),
    "EdDSA": KeyKind("OKP", "Ed25519"),
    "Ed25519": KeyKind("OKP", "Ed25519"),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of a token that holds a value."""

    name: str


@dataclass(frozen=True, slots=True)
class JwtIssuer:
    """Whose tokens are taken, how they are verified, and what they stand for.

    What they stand for is the same for every token, or a claim says it.
    """

    issuer: str
    jwks_url: str
    audience: str
    algorithms: frozenset[str]
    leeway_s: float
    tenant: str | Claim
    permissions: frozenset[Permission] | Claim
    # Before a word of `permissions` that is meant for this gateway.
    permission_prefix: str
    models: tuple[str, ...] | Claim
    limit: Rate | Claim | None


MEMBERS = (
    *("issuer", "jwks_url", "audience", "algorithms", "leeway_s"),
    *("tenant", "tenant_claim", "permissions", "permissions_claim", "permission_prefix"),
    *("models", "models_claim", "limit", "limit_claim"),
)


def parse_issuers(text: str) -> tuple[JwtIssuer, ...]:
    """The issuers of a JSON list; an empty text is none. Raises InvalidInput with one line."""
    if not text:
        return ()
    try:
        entries = parse_strict(text)
    except ValueError as error:
        raise InvalidInput(f"it is not JSON ({error}); write it as {EXAMPLE}") from error
    if not isinstance(entries, list) or len(entries) > MAX_ISSUERS:
        raise InvalidInput(f"it is not a list of at most {MAX_ISSUERS} issuers: {EXAMPLE}")
    issuers = tuple(_numbered(number, entry) for number, entry in enumerate(entries, 1))
    names = [issuer.issuer for issuer in issuers]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"the issuer {name!r} is there twice; give it one entry")
    return issuers


def _numbered(number: int, entry: object) -> JwtIssuer:
    try:
        if not isinstance(entry, dict):
            raise InvalidInput(f"{entry!r} is not an object with the members {', '.join(MEMBERS)}")
        return _issuer(entry)
    except InvalidInput as error:
        raise InvalidInput(f"issuer {number}: {error}") from error


def _issuer(entry: dict[str, object]) -> JwtIssuer:
    for name in entry.keys() - set(MEMBERS):
        near = difflib.get_close_matches(name, MEMBERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(MEMBERS)}"
        raise InvalidInput(f"{name!r} is no member of an issuer; {hint}")
    permissions = _fixed_or_claim(entry, "permissions", _all_permissions)
    if "permission_prefix" in entry and not isinstance(permissions, Claim | None):
        raise InvalidInput("permission_prefix is for words in a claim; leave it or permissions out")
    return JwtIssuer(
        issuer=_text(entry, "issuer"),
        jwks_url=_jwks_url(_text(entry, "jwks_url")),
        audience=_text(entry, "audience"),
        algorithms=_algorithms(entry.get("algorithms", ["RS256"])),
        leeway_s=_leeway_s(entry.get("leeway_s", DEFAULT_LEEWAY_S)),
        tenant=_fixed_or_claim(entry, "tenant", tenant_from) or Claim("tenant"),
        permissions=permissions or Claim("scope"),
        permission_prefix=_text(entry, "permission_prefix") if "permission_prefix" in entry else "",
        models=_fixed_or_claim(entry, "models", models_from) or ("*",),
        limit=_fixed_or_claim(entry, "limit", limit_from),
    )


def _fixed_or_claim(
    entry: dict[str, object], name: str, read: Callable[[object], _T]
) -> _T | Claim | None:
    claim_name = f"{name}_claim"
    if name in entry and claim_name in entry:
        raise InvalidInput(f"both {name} and {claim_name} are given; leave one of them out")
    if claim_name in entry:
        return Claim(_text(entry, claim_name))
    return read(entry[name]) if name in entry else None


def _text(entry: dict[str, object], name: str) -> str:
    value = entry.get(name)
    if value is None:
        raise InvalidInput(f"{name} is missing; an example: {EXAMPLE}")
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidInput(
            f"{name} {value!r} is not 1 to 256 ASCII characters without spaces and '#'"
        )
    return value


def _jwks_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        # Reading the port raises ValueError for one that is no number.
        is_url = bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        is_url = False
    if not is_url or not _is_safe(parts):
        raise InvalidInput(
            f"jwks_url {url!r} is not an https address (http is for a loopback host only); "
            "write it as https://id.example.com/jwks.json"
        )
    return url


def _is_safe(parts: SplitResult) -> bool:
    return parts.scheme == "https" or (
        parts.scheme == "http" and _is_loopback(parts.hostname or "")
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _algorithms(value: object) -> frozenset[str]:
    names = words_from(value)
    if not names or not set(names) <= ALGORITHMS.keys():
        raise InvalidInput(
            f"algorithms {value!r} are not one or more of {', '.join(ALGORITHMS)}; "
            "a token without signature or with a shared secret is never taken"
        )
    return frozenset(names)


def _all_permissions(value: object) -> frozenset[Permission]:
    permissions = permissions_from(value, prefix="")
    words = set(words_from(value))
    if not words or words - permissions:
        raise InvalidInput(f"permissions {value!r} are not one or more of {', '.join(Permission)}")
    return permissions


def _leeway_s(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"leeway_s {value!r} is not a number")
    if not 0 <= value <= MAX_LEEWAY_S:
        raise InvalidInput(f"leeway_s {value!r} is not a number from 0 to {MAX_LEEWAY_S}")
    return float(value)
