"""API keys `ck_<id>_<secret>_<checksum>`: their form, their hash and what is recorded of one."""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime

from gateway.permissions import Grants
from gateway.rates import Limit

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 12
# 33 base62 characters carry 196 bits.
SECRET_LENGTH = 33
CHECKSUM_LENGTH = 6
TOKEN_LENGTH = len("ck___") + ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH

_FORM = re.compile(
    rf"(ck_([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}})"
    rf"_([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})".encode()
)
# Compared against when the id is unknown, so that unknown ids take as long as known ones.
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is recorded; the secret itself is nowhere."""

    id: str
    tenant: str
    token_hash: bytes
    grants: Grants
    limit: Limit | None
    created: datetime
    revoked: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the only moment at which its token is known."""

    id: str
    token: str


def generate() -> NewKey:
    """A new random key."""
    key_id = _random(ID_LENGTH)
    payload = f"ck_{key_id}_{_random(SECRET_LENGTH)}"
    return NewKey(key_id, f"{payload}_{_checksum(payload.encode())}")


def parse_id(token: bytes) -> str | None:
    """The id in a token of right form and checksum, else None: junk is told apart without I/O."""
    match = _FORM.fullmatch(token)
    if match is None or match[3] != _checksum(match[1]).encode():
        return None
    return match[2].decode()


def hash_token(token: bytes) -> bytes:
    """SHA-256: with 196 random bits a slow hash would only serve those who flood the gateway."""
    return hashlib.sha256(token).digest()


def matches(key: Key | None, token_hash: bytes) -> bool:
    """Whether the token belongs to this key and the key is in force, in constant time."""
    same = hmac.compare_digest(_NO_HASH if key is None else key.token_hash, token_hash)
    return same and key is not None and key.revoked is None


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(payload: bytes) -> str:
    number = zlib.crc32(payload)
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
