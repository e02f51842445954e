"""Subjects of client certificates as operators write them and as they are compared."""

from cryptography.x509 import Name
from cryptography.x509.oid import NameOID

from gateway.errors import InvalidInput

MAX_SUBJECT = 1024
# As OpenSSL prints it; RFC 4514 has only numbers for it.
_NAMES = {"emailAddress": NameOID.EMAIL_ADDRESS}


def check_subject(text: str) -> str:
    """`check_subject("CN=trainer,O=Acme")`: the one text of RFC 4514 for it, or InvalidInput."""
    try:
        subject = Name.from_rfc4514_string(text, _NAMES).rfc4514_string()
    except ValueError as error:
        raise InvalidInput(_reason(text)) from error
    if not 1 <= len(subject) <= MAX_SUBJECT:
        raise InvalidInput(_reason(text))
    return subject


def _reason(text: str) -> str:
    return (
        f"TLS subject {text[:80]!r} is not 1 to {MAX_SUBJECT} characters in the form of RFC 4514: "
        "CN=trainer,O=Acme, without spaces after commas, as `openssl x509 -noout -subject "
        "-nameopt RFC2253` prints it"
    )
