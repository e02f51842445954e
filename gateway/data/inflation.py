"""How large a compressed body really is, found out in small steps; the bytes themselves pass on."""

import zlib
from collections import deque

from gateway.errors import BodyTooLarge, MalformedRequest, UnsupportedCoding

# As Triton reads them, which tells gzip and zlib apart by their first bytes.
CODINGS = frozenset({b"gzip", b"deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
# Looked at in a millisecond, mostly: what other connections wait for.
STEP_BYTES = 64 * 1024


def check_coding(coding: bytes) -> bool:
    """Whether the body is compressed; raises UnsupportedCoding for what Triton cannot read."""
    if coding in (b"", b"identity"):
        return False
    if coding not in CODINGS:
        raise UnsupportedCoding(
            f"Content-Encoding {coding[:40].decode('latin-1')!r} is not supported; "
            "use gzip, deflate or none."
        )
    return True


class Inflation:
    """Inflates the parts of one body, a bounded step at a time."""

    __slots__ = ("_inflater", "_max_bytes", "_parts", "inflated_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._max_bytes = max_bytes
        self._parts: deque[bytes] = deque()
        self.inflated_bytes = 0

    def add(self, part: bytes) -> None:
        """A part of the body that is to be inflated by the steps that follow."""
        self._parts.append(part)

    @property
    def is_pending(self) -> bool:
        return bool(self._parts)

    def step(self) -> bytes:
        """The next piece of what is in the body. Raises BodyTooLarge or MalformedRequest."""
        try:
            piece = self._inflater.decompress(self._parts.popleft(), STEP_BYTES)
        except zlib.error as error:
            raise MalformedRequest(
                f"The body is not what its Content-Encoding says: {error}."
            ) from None
        self.inflated_bytes += len(piece)
        if self.inflated_bytes > self._max_bytes:
            raise BodyTooLarge(
                f"The body has over {self._max_bytes} bytes when it is decompressed; "
                "send less, or have CONCH_MAX_BODY_BYTES raised."
            )
        if self._inflater.unused_data:
            raise MalformedRequest("Bytes follow the end of the compressed body; leave them out.")
        if self._inflater.unconsumed_tail:
            self._parts.appendleft(self._inflater.unconsumed_tail)
        elif len(piece) == STEP_BYTES:
            # The inflater may hold more than it gave.
            self._parts.appendleft(b"")
        return piece
