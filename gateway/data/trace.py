"""W3C Trace Context: a caller's trace goes on, what is no trace begins a new one."""

import random
import re

# Version ff is invalid, as are ids of zeros only; a later version may bring more parts, of
# letters that stand for themselves wherever they are written.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[A-Za-z0-9._-]{0,64})?"
)
_VERSION_0_BYTES = 55
_64_BITS = 2**64 - 1


def is_traceparent(value: bytes) -> bool:
    """Whether a Traceparent field names a trace that can go on."""
    if len(value) != _VERSION_0_BYTES and value[:2] == b"00":
        return False
    return _TRACEPARENT.fullmatch(value) is not None


def new_traceparent() -> bytes:
    """A trace that begins here, marked as sampled: whether Triton traces it is Triton's setting."""
    # An identifier, no secret; zero is not drawn before the sun has burnt out.
    ids = random.getrandbits(192)
    return b"00-%032x-%016x-01" % (ids >> 64, ids & _64_BITS)
