"""Bodies that would hurt Triton, whole and in pieces of any size."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.data import json_guard
from gateway.data.json_guard import MAX_DEPTH, MAX_MEMBERS, JsonGuard, check_whole
from gateway.errors import BodyTooLarge, MalformedRequest, SharedMemoryRefused

DEEP = b"[" * (MAX_DEPTH + 1)
REFUSED = {
    "nested arrays": b'{"inputs":' + DEEP,
    "nested objects": b'{"a":' * (MAX_DEPTH + 1),
    "nested between other things": b'[1,{"a":"x"},' * (MAX_DEPTH + 1),
    "nested and closed": DEEP + b"]" * len(DEEP),
    "nested after many flat ones": b"[" + b"[1]," * 10_000 + DEEP,
    "brackets closed in strings": b'["]","]","]",' * (MAX_DEPTH + 1),
    "quotes escaped in strings": b'["\\"]",' * (MAX_DEPTH + 1),
    "many objects": b"[" + b"{}," * (MAX_MEMBERS + 1) + b"{}]",
    "many members": b"{" + b",".join(b'"%d":1' % n for n in range(MAX_MEMBERS)) + b"}",
    "a shape too large": b'{"shape":[1,268435456]}',
    "a shape too large for the machine's integers": b'{"shape":[4294967296,4294967296]}',
    "a negative shape": b'{"shape":[-1,268435456]}',
    "a shape with spaces": b'{ "shape" : [ 1 , 268435456 ] }',
    "shapes too large together": b'{"shape":[60],"more":{"shape":[60]}}',
    "an escaped key": b'{"sh\\u0061pe":[1,268435456]}',
    "an escaped key after backslashes": b'{"\\\\\\u0073hape":[1]}',
}


def in_pieces(body: bytes, size: int, json_bytes: int | None = None) -> None:
    guard = JsonGuard(json_bytes, len(body), max_json_bytes=len(body))
    for start in range(0, len(body), size):
        guard.piece(body[start : start + size])


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_would_hurt_triton_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        check_whole(body, None)
    for size in (1, 2, 7, 50, 4096):
        with pytest.raises(MalformedRequest):
            in_pieces(body, size)


ACCEPTED = {
    "a usual request": b'{"inputs":[{"name":"x","shape":[1,3],"datatype":"BOOL","data":[1,0,1]}]}',
    "a tensor of many axes": b'{"shape":[1,1,1,1,1,1,1,1],"data":[[[[[[[[1]]]]]]]]}',
    "many rows": json.dumps({"shape": [5000, 2], "data": [[0, 1]] * 5000}).encode(),
    "brackets in strings": json.dumps({"data": ["[[[[" * 100, '"[{', "\\"] * 20}).encode(),
    "a string that is called shape": b'{"data":["shape", "shared_memory_region"], "shape":[2]}',
    "escapes that writers make": b'{"data":["\\u00e9\\u0000\\u001f\\u003c\\n\\""],"shape":[1]}',
    "no JSON at all": b"\x00\xff\x80",
    "a shape that is none": b'{"shape":[1.5]}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_what_does_not_is_let_through(body: bytes) -> None:
    check_whole(body, None)
    for size in (1, 2, 7, 50, 4096):
        in_pieces(body, size)


def test_a_backslash_before_a_u_is_text() -> None:
    check_whole(b'{"data":["\\\\u0073"]}', None)


@pytest.mark.parametrize("space", [b"", b" " * 100])
def test_a_tensor_in_shared_memory_is_refused(space: bytes) -> None:
    body = b'{"parameters":{"shared_memory_region"%b:"r"}}' % space
    with pytest.raises(SharedMemoryRefused):
        check_whole(body, None)
    for size in (1, 2, 7, 50):
        with pytest.raises(SharedMemoryRefused):
            in_pieces(body, size)


def test_shapes_are_held_against_the_size_that_the_body_turned_out_to_have() -> None:
    guard = JsonGuard(None, 10_000, max_json_bytes=10_000)
    guard.piece(b'{"shape":[5000]}')
    guard.end(5000)
    with pytest.raises(MalformedRequest, match="16"):
        guard.end(16)


def test_json_too_large_is_refused_and_tensors_after_it_do_not_count() -> None:
    guard = JsonGuard(100, 10_000, max_json_bytes=100)
    for _ in range(10):
        guard.piece(b" " * 50)
    with pytest.raises(BodyTooLarge, match="binary form"):
        guard = JsonGuard(None, 10_000, max_json_bytes=100)
        for _ in range(3):
            guard.piece(b" " * 50)


def test_colons_in_strings_are_no_members() -> None:
    body = json.dumps({"data": ["a:b:c" * 100] * 100}).encode()
    check_whole(body, None)
    in_pieces(body, 50)


def test_only_the_json_before_the_tensors_is_looked_at() -> None:
    text = b'{"shape":[8]}'
    check_whole(text + DEEP, len(text))
    in_pieces(text + DEEP, 5, len(text))
    with pytest.raises(MalformedRequest):
        check_whole(text + DEEP, len(text) + len(DEEP))


def test_json_that_is_known_is_held_against_each_body() -> None:
    text = b'{"shape":[100]}'
    check_whole(text + bytes(100), len(text))
    with pytest.raises(MalformedRequest, match="more elements than the body has bytes, 15"):
        check_whole(text, len(text))


SAMPLES = {
    b'{"inputs":[{"shape":[8,3]}]}': 8,
    b'{"inputs":[{"shape" : [ 1 ]}]}': 1,
    b'{"inputs":[{"name":"no shape"}]}': 1,
    b"": 1,
    # A scalar, and tensors of which there is nothing.
    b'{"inputs":[{"shape":[]}]}': 1,
    b'{"inputs":[{"shape":[9000000000000000000,0]}]}': 1,
    b'{"inputs":[{"shape":[-4,-1]}]}': 1,
    # Whatever name Triton does not read, and in whatever order: never fewer than it computes.
    b'{"outputs":[{"shape":[1]}],"inputs":[{"shape":[6]}]}': 6,
    b'{"inputs":[{"shape":[2],"shape":[6]},{"shape":[3]}]}': 6,
    b'{"inputs":[{"name":"\\"shape\\":[9]","shape":[2]}]}': 2,
}


@pytest.mark.parametrize(("text", "samples"), SAMPLES.items())
def test_samples_are_the_largest_first_dimension(text: bytes, samples: int) -> None:
    # Twice: the second time the text is known.
    for _ in range(2):
        assert check_whole(text + bytes(100), len(text)) == samples
    for size in range(1, len(text) + 1):
        guard = JsonGuard(len(text), 1000, max_json_bytes=1000)
        for at in range(0, len(text), size):
            guard.piece(text[at : at + size])
        assert guard.samples == samples


def test_known_json_takes_bounded_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_guard, "_MAX_KNOWN", 3)
    monkeypatch.setattr(json_guard, "_known", {})
    for number in range(10):
        check_whole(b'{"id":"%d"}' % number, None)
    assert len(json_guard._known) == 3


def test_a_shape_without_end_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="A shape takes over"):
        in_pieces(b'{"shape":[' + b"1," * 2000, 100)


HARD = {
    "escaped quotes without an end": b"[" * 65 + b'"' + b'\\"' * 500_000,
    "many shapes without an end": b'""shape":["' * 100_000,
    "one shape of very many axes": b'{"shape":[' + b"1," * 500_000 + b"1]}",
    "a shape with very many digits": b'{"shape":[' + b"9" * 900 + b"]}",
    "a shape of very large axes": b'{"shape":[' + b",".join([b"9" * 100] * 10) + b"]}",
    "backslashes": b'["' + b"\\" * 1_000_000 + b"\\u0073",
    "keys and spaces": b'"shape"      ' * 80_000,
    "keys that begin": b'"sha' * 250_000,
}


@pytest.mark.parametrize("body", HARD.values(), ids=HARD)
def test_no_body_takes_more_than_linear_time(body: bytes) -> None:
    # What takes quadratic time here takes minutes; the clock is no part of the test.
    for size in (len(body), 65_536):
        with suppress(MalformedRequest):
            in_pieces(body, size)
    with suppress(MalformedRequest):
        check_whole(body, None)


def test_a_shape_that_no_integer_holds_is_refused() -> None:
    for body in (HARD["a shape with very many digits"], HARD["a shape of very large axes"]):
        with pytest.raises(MalformedRequest, match="more elements"):
            check_whole(body, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(JSON, st.integers(1, 40))
def test_json_of_fair_depth_passes_however_it_is_cut(value: object, size: int) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    check_whole(body, None)
    in_pieces(body, size)


def depth(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(st.integers(0, 2 * MAX_DEPTH), st.lists(st.text(), max_size=3), st.integers(1, 40))
def test_depth_is_told_around_strings_however_they_are_cut(
    levels: int, texts: list[str], size: int
) -> None:
    value: object = texts
    for _ in range(levels):
        value = [*texts, value]
    body = json.dumps(value).encode()
    if depth(value) > MAX_DEPTH:
        with pytest.raises(MalformedRequest, match="nests deeper"):
            in_pieces(body, size)
    elif depth(value) <= MAX_DEPTH // 3:
        # In between it depends on the cuts: what a piece opens and closes is counted on top.
        in_pieces(body, size)
