"""API keys `ck_<id>_<secret>_<checksum>`: their form, what is recorded of one, when it holds."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf

from gateway.base62 import CHECKSUM_LENGTH, checksum, random_text
from gateway.limits import Limit
from gateway.permissions import Grants, client_grants
from gateway.rates import Rate

ID_LENGTH = 12
# 33 base62 characters carry 196 bits.
SECRET_LENGTH = 33
TOKEN_LENGTH = len("ck___") + ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH

_FORM = re.compile(
    rf"(ck_([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}})"
    rf"_([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})".encode()
)
# Compared against where there is no secret, so that unknown ids take as long as known ones.
_NO_HASH = bytes(32)
# One object for all keys: each `-inf` would be another.
_ALWAYS = -inf


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is recorded; the secrets themselves are nowhere."""

    id: str
    tenant: str
    # Of a key for a certificate the hash of `tls_subject`; it has no secret.
    token_hash: bytes
    grants: Grants
    limit: Rate | None
    created: datetime
    revoked: datetime | None
    # The secret before the last rotation, which goes on until its end.
    old_token_hash: bytes | None = None
    old_ends: datetime | None = None
    not_before: datetime | None = None
    expires: datetime | None = None
    # Where it may be used from, as CIDR; none: from everywhere.
    networks: tuple[str, ...] = ()
    # Subject of the client certificate that stands for this key, as RFC 4514 writes it.
    tls_subject: str | None = None
    # To about a minute.
    last_used: datetime | None = None
    # Those of its tenant and its own, beside the rate above.
    limits: tuple[Limit, ...] = ()
    is_tenant_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a key is given."""

    grants: Grants
    not_before: datetime | None = None
    expires: datetime | None = None
    networks: tuple[str, ...] = ()


USUAL_TERMS = Terms(grants=client_grants("*"))


class KeyState(StrEnum):
    """What a person is told of a key."""

    IN_FORCE = "in force"
    REVOKED = "revoked"
    EXPIRED = "expired"
    TENANT_DISABLED = "tenant disabled"
    NOT_YET = "not yet in force"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made or rotated: the only moment at which its token is known."""

    id: str
    token: str
    # Until when the secret before it goes on; None: there is none.
    old_ends: datetime | None = None


def generate() -> NewKey:
    """A new random key."""
    return renew(random_text(ID_LENGTH))


def renew(key_id: str) -> NewKey:
    """A new random secret for a key that there is."""
    payload = f"ck_{key_id}_{random_text(SECRET_LENGTH)}"
    return NewKey(key_id, f"{payload}_{checksum(payload.encode())}")


def parse_id(token: bytes) -> str | None:
    """The id in a token of right form and checksum, else None: junk is told apart without I/O."""
    match = _FORM.fullmatch(token)
    if match is None or match[3] != checksum(match[1]).encode():
        return None
    return match[2].decode()


def hash_token(token: bytes) -> bytes:
    """SHA-256: with 196 random bits a slow hash would only serve those who flood the gateway."""
    return hashlib.sha256(token).digest()


def hash_subject(subject: str) -> bytes:
    """Hash of a certificate's subject; another function, so that no token can have the same."""
    return hashlib.blake2s(subject.encode(), person=b"subject").digest()


def matches(key: Key | None, token_hash: bytes) -> bool:
    """Whether the hash is that of a secret of this key, and neither it nor its tenant is barred.

    In constant time: always two comparisons, whatever there is to be compared with.
    """
    first = _same(None if key is None else key.token_hash, token_hash)
    second = _same(None if key is None else key.old_token_hash, token_hash)
    return (first or second) and key is not None and not _is_barred(key)


def ends_s(key: Key, token_hash: bytes) -> float:
    """Unix time at which this secret of the key ends; infinity: never."""
    expires_s = inf if key.expires is None else key.expires.timestamp()
    if token_hash != key.old_token_hash or key.old_ends is None:
        return expires_s
    return min(expires_s, key.old_ends.timestamp())


def begins_s(key: Key) -> float:
    """Unix time from which the key holds."""
    return _ALWAYS if key.not_before is None else key.not_before.timestamp()


def state(key: Key, now: datetime) -> KeyState:
    """Whether the key holds at this moment, and if not, why."""
    if key.revoked is not None:
        return KeyState.REVOKED
    if key.expires is not None and now >= key.expires:
        return KeyState.EXPIRED
    if key.is_tenant_disabled:
        return KeyState.TENANT_DISABLED
    if key.not_before is not None and now < key.not_before:
        return KeyState.NOT_YET
    return KeyState.IN_FORCE


def _is_barred(key: Key) -> bool:
    return key.revoked is not None or key.is_tenant_disabled


def _same(recorded: bytes | None, token_hash: bytes) -> bool:
    same = hmac.compare_digest(recorded or _NO_HASH, token_hash)
    return same and recorded is not None
