"""Admins: who may use the admin API, by a token `ca_<secret>_<checksum>` or a certificate."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from gateway.base62 import CHECKSUM_LENGTH, checksum, random_text
from gateway.errors import InvalidInput
from gateway.shown import shown

# 33 base62 characters carry 196 bits.
SECRET_LENGTH = 33

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN = re.compile(
    rf"(ca_[0-9A-Za-z]{{{SECRET_LENGTH}}})_([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin as recorded; the token itself is nowhere."""

    name: str
    # Subject of the client certificate, as RFC 4514 writes it; None: a token.
    tls_subject: str | None
    created: datetime
    revoked: datetime | None


def new_token() -> str:
    """A new random admin token."""
    payload = f"ca_{random_text(SECRET_LENGTH)}"
    return f"{payload}_{checksum(payload.encode())}"


def is_token(text: str) -> bool:
    """Whether it has form and checksum of an admin token: junk is told apart without I/O."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match[2] == checksum(match[1].encode())


def hash_token(token: str) -> bytes:
    """SHA-256: with 196 random bits a slow hash would only serve those who flood the API."""
    return hashlib.sha256(token.encode()).digest()


def check_admin_name(name: str) -> str:
    """The name itself; raises InvalidInput if no admin can be called so."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"admin {shown(name)} is not a name of 1 to 64 ASCII letters, digits, '.', '_' "
            "or '-' that starts with a letter or digit; choose one as ops or alice"
        )
    return name
