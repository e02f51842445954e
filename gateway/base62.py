"""Random text and checksums of base62, of which keys and admin tokens are made."""

import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKSUM_LENGTH = 6


def random_text(length: int) -> str:
    """So many random characters, of 5.95 bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def checksum(payload: bytes) -> str:
    """Tells a typing error from a token without asking anybody."""
    number = zlib.crc32(payload)
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
