"""Fields that a client mostly sends again: what is read from them, and what goes on to Triton."""

import pytest

from gateway.data.fields import MAX_FIELD_BYTES, PLAIN, read_fields
from gateway.errors import Header, HeadersTooLarge, MalformedRequest


def test_no_fields_say_nothing() -> None:
    fields = read_fields([])
    assert fields.host is None and fields.json_bytes is None
    assert not fields.is_chunked and not fields.expects_continue
    assert fields.coding == fields.tracestate == b""
    assert fields.forwarded == PLAIN


def test_names_are_read_in_any_case_and_values_without_blanks() -> None:
    fields = read_fields(
        [
            (b"HOST", b" gateway:8080\t"),
            (b"transfer-ENCODING", b"Chunked "),
            (b"expect", b"100-Continue"),
            (b"content-encoding", b" GZIP"),
            (b"inference-header-content-length", b"12"),
        ]
    )
    assert (fields.host, fields.is_chunked, fields.expects_continue) == (
        b"gateway:8080",
        True,
        True,
    )
    assert (fields.coding, fields.json_bytes) == (b"gzip", 12)


def test_only_what_triton_reads_goes_on() -> None:
    headers: list[Header] = [
        (b"Host", b"gateway"),
        (b"accept", b"a/b"),
        (b"Accept", b"c/d"),
        (b"Cookie", b"secret"),
        (b"X-Forwarded-For", b"1.2.3.4"),
        (b"content-type", b"application/json"),
    ]
    assert read_fields(headers).forwarded == (
        b"Accept: a/b, c/d\r\nContent-Type: application/json\r\n" + PLAIN
    )


def test_a_client_that_takes_compressed_answers_is_not_overruled() -> None:
    assert read_fields([(b"accept-encoding", b"gzip")]).forwarded == b"Accept-Encoding: gzip\r\n"


def test_the_state_of_a_trace_stays_apart_as_it_goes_with_its_parent() -> None:
    fields = read_fields([(b"tracestate", b"a=1"), (b"Tracestate", b"b=2")])
    assert (fields.forwarded, fields.tracestate) == (PLAIN, b"Tracestate: a=1, b=2\r\n")


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        (b"Host", b"a b", "Host"),
        (b"Host", b"a/b", "Host"),
        (b"Transfer-Encoding", b"gzip", "Transfer-Encoding"),
        (b"Expect", b"200-ok", "100-continue"),
        (b"Inference-Header-Content-Length", b"-1", "Inference-Header-Content-Length"),
        (b"Inference-Header-Content-Length", b"1" * 11, "Inference-Header-Content-Length"),
        (b"Connection", b"close, Content-Type", "content-type"),
    ],
)
def test_a_bad_field_is_named(name: bytes, value: bytes, named: str) -> None:
    with pytest.raises(MalformedRequest, match=named):
        read_fields([(name, value)])


@pytest.mark.parametrize("name", [b"Host", b"Expect", b"Content-Type", b"Content-Encoding"])
def test_a_field_that_may_stand_once_is_refused_twice(name: bytes) -> None:
    value = b"100-continue" if name == b"Expect" else b"a"
    with pytest.raises(MalformedRequest, match="given twice"):
        read_fields([(name, value), (name.lower(), value)])


def test_a_field_has_a_longest_value() -> None:
    read_fields([(b"X-Own", b"a" * MAX_FIELD_BYTES)])
    with pytest.raises(HeadersTooLarge, match=f"at most {MAX_FIELD_BYTES}"):
        read_fields([(b"X-Own", b"a" * (MAX_FIELD_BYTES + 1))])
