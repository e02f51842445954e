"""What is refused of a JSON body when it comes whole is refused in any pieces."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.data.json_guard import MAX_DEPTH, JsonGuard
from gateway.errors import HttpError

_MAX_ELEMENTS = 100
# A backslash outside a string is no JSON, so it hides nothing.
_IN_STRINGS = [
    b"a", b"sha", b"pe", b"shape", b"shared_memory_region", b"shared", b"_memory_region", b'\\"',
    b"\\\\", b"\\u0073", b"\\u00", b"\\u00e9", b"[", b"]", b"{", b"}", b":", b",", b" ", b"99",
]  # fmt: skip
_OUTSIDE = [
    b"{", b"}", b"[", b"]", b":", b",", b" ", b"\n", b"1", b"99", b"-1", b'"shape":[99,99]',
    b'"shape" : [', b'"shared_memory_region":', b'"shared_memory_region" \n:',
    b"[" * (MAX_DEPTH // 2), b"]" * 20, b"{" * 30,
]  # fmt: skip
_STRINGS = st.lists(st.sampled_from(_IN_STRINGS), max_size=4).map(
    lambda parts: b'"%b"' % b"".join(parts)
)
_TEXTS = st.lists(st.one_of(st.sampled_from(_OUTSIDE), _STRINGS), max_size=25).map(b"".join)


def _guard(json_bytes: int | None) -> JsonGuard:
    return JsonGuard(json_bytes, _MAX_ELEMENTS, max_json_bytes=1_000_000)


def _is_refused(pieces: list[bytes], json_bytes: int | None) -> bool:
    guard = _guard(json_bytes)
    try:
        for piece in pieces:
            guard.piece(piece)
    except HttpError:
        return True
    return False


def _is_dangerous(text: bytes) -> bool:
    """What must never get through, found out byte by byte."""
    if _depth(text) > MAX_DEPTH:
        return True
    try:
        _guard(None)._look_at_keys(text)
    except HttpError:
        return True
    return False


def _depth(text: bytes) -> int:
    depth = deepest = 0
    in_string = is_escaped = False
    for byte in text:
        if in_string:
            in_string = is_escaped or byte != ord('"')
            is_escaped = not is_escaped and byte == ord("\\")
        elif byte == ord('"'):
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth = max(0, depth - 1)
    return deepest


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(
    _TEXTS,
    st.lists(st.integers(0, 400), max_size=8),
    st.one_of(st.none(), st.integers(0, 300)),
)
def test_no_split_gets_past_the_guard(text: bytes, cuts: list[int], json_bytes: int | None) -> None:
    ends = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(ends)]
    if _is_dangerous(text[:json_bytes]):
        assert _is_refused(pieces, json_bytes)
