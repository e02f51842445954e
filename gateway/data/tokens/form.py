"""The form of a JSON Web Token: taken apart strictly, and nothing in it believed yet."""

import re
from dataclasses import dataclass

from joserfc.util import urlsafe_b64decode

from gateway.data.tokens.faults import Refused
from gateway.strict_json import parse_strict

MAX_TOKEN_BYTES = 8192
MAX_KID_CHARACTERS = 256

_FORM = re.compile(rb"(?!ck_)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = frozenset({"jwt", "at+jwt"})
# They change what is signed or what is in it: extensions, a detached payload, a token in a token.
_UNWANTED = ("crit", "b64", "cty", "enc", "zip")


@dataclass(frozen=True, slots=True)
class Token:
    """The parts of a token. Of its header only these are used: a key or an address in it is not."""

    algorithm: str
    kid: str | None
    claims: dict[str, object]
    signed: bytes
    signature: bytes


def has_form(token: bytes) -> bool:
    """Whether it looks like a JSON Web Token; cheap, and bounded before anything is decoded."""
    return len(token) <= MAX_TOKEN_BYTES and _FORM.fullmatch(token) is not None


def parse(token: bytes) -> Token:
    """Take a token of right form apart; raises Refused."""
    if not has_form(token):
        raise Refused("it has not the form of a token")
    signed, _, signature = token.rpartition(b".")
    header_part, _, claims_part = signed.partition(b".")
    header = _object(header_part, "its header")
    _check_header(header)
    return Token(
        algorithm=_algorithm(header),
        kid=_kid(header),
        claims=_object(claims_part, "its payload"),
        signed=signed,
        signature=_decode(signature, "its signature"),
    )


def _check_header(header: dict[str, object]) -> None:
    for name in _UNWANTED:
        if name in header:
            raise Refused(f"its header has the member {name}")
    kind = header.get("typ", "JWT")
    # RFC 9068 lets the media type be written in full.
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise Refused("its typ is neither JWT nor at+jwt", kind)


def _algorithm(header: dict[str, object]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        raise Refused("its alg is not a text", algorithm)
    return algorithm


def _kid(header: dict[str, object]) -> str | None:
    if "kid" not in header:
        return None
    kid = header["kid"]
    if not isinstance(kid, str) or not 1 <= len(kid) <= MAX_KID_CHARACTERS:
        raise Refused(f"its kid is not a text of 1 to {MAX_KID_CHARACTERS} characters")
    return kid


def _object(part: bytes, name: str) -> dict[str, object]:
    try:
        value = parse_strict(_decode(part, name).decode())
    except ValueError as error:
        raise Refused(f"{name} is not JSON that can be read in one way") from error
    if not isinstance(value, dict):
        raise Refused(f"{name} is not a JSON object")
    return value


def _decode(part: bytes, name: str) -> bytes:
    try:
        # Takes one spelling only: no padding, and no bits beyond the last byte.
        return urlsafe_b64decode(part)
    except ValueError as error:
        raise Refused(f"{name} is not base64url") from error
