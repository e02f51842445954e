"""What is refused of a JSON body when it comes whole is refused in any pieces."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.data.json_guard import MAX_DEPTH, JsonGuard, check_elements
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


def _is_refused(pieces: list[bytes], json_bytes: int | None) -> bool:
    guard = JsonGuard(json_bytes, _MAX_ELEMENTS)
    try:
        for piece in pieces:
            guard.piece(piece)
    except HttpError:
        return True
    return False


def _is_refused_whole(text: bytes, json_bytes: int | None) -> bool:
    try:
        elements = JsonGuard(None, _MAX_ELEMENTS).look(text[:json_bytes])
        check_elements(elements, _MAX_ELEMENTS)
    except HttpError:
        return True
    return False


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(
    _TEXTS,
    st.lists(st.integers(0, 400), max_size=8),
    st.one_of(st.none(), st.integers(0, 300)),
)
def test_no_split_gets_past_the_guard(text: bytes, cuts: list[int], json_bytes: int | None) -> None:
    ends = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(ends)]
    if _is_refused_whole(text, json_bytes):
        assert _is_refused(pieces, json_bytes)
