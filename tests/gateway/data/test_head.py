"""Heads of requests: what is refused, what is passed on."""

from hashlib import sha256
from typing import NamedTuple

import pytest

from gateway.data.fields import MAX_FIELD_BYTES, PLAIN
from gateway.data.head import (
    CREDENTIALS,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    REMEMBERED_BYTES,
    VARYING,
    Head,
    HeadReader,
)
from gateway.errors import Header, HeadersTooLarge, MalformedRequest, UriTooLong
from gateway.keys import TOKEN_LENGTH

HOST = (b"Host", b"gateway")


class Read(NamedTuple):
    head: Head
    target: bytes
    token: bytes


def read(method: bytes, target: bytes, headers: list[Header], version: str = "1.1") -> Read:
    return read_by(HeadReader(), method, target, headers, version)


def read_by(
    reader: HeadReader, method: bytes, target: bytes, headers: list[Header], version: str = "1.1"
) -> Read:
    """As the connection does: what varies comes apart."""
    credentials = [(CREDENTIALS[name], value) for name, value in headers if name in CREDENTIALS]
    varying = [(VARYING[name], value) for name, value in headers if name in VARYING]
    others = [header for header in headers if header[0] not in VARYING | CREDENTIALS]
    return Read(
        *reader.read(method, target, credentials, varying, others, version, keep_alive=True)
    )


def _read(*headers: Header, version: str = "1.1", method: bytes = b"POST") -> Head:
    return read(method, b"/v2", [HOST, *headers], version).head


REFUSED: list[tuple[str, list[Header]]] = [
    ("both framings", [(b"Content-Length", b"3"), (b"Transfer-Encoding", b"chunked")]),
    ("two lengths", [(b"Content-Length", b"3"), (b"Content-Length", b"3")]),
    ("a list of lengths", [(b"Content-Length", b"3, 3")]),
    ("a sign", [(b"Content-Length", b"+3")]),
    ("an underscore", [(b"Content-Length", b"1_0")]),
    ("no digits", [(b"Content-Length", b"")]),
    ("too many digits", [(b"Content-Length", b"9" * 19)]),
    ("two codings", [(b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")]),
    ("gzip, chunked", [(b"Transfer-Encoding", b"gzip, chunked")]),
    ("identity", [(b"Transfer-Encoding", b"identity")]),
    ("a second host", [(b"Host", b"other")]),
    ("two keys", [(b"Authorization", b"Bearer a"), (b"Authorization", b"Bearer b")]),
    ("two tensor lengths", [(b"Inference-Header-Content-Length", b"1")] * 2),
    ("another expectation", [(b"Expect", b"200-ok")]),
    ("length nominated", [(b"Connection", b"close, Content-Length")]),
    ("tensor length nominated", [(b"Connection", b"inference-header-content-length")]),
]


@pytest.mark.parametrize("headers", [h for _, h in REFUSED], ids=[name for name, _ in REFUSED])
def test_an_ambiguous_head_is_refused(headers: list[Header]) -> None:
    with pytest.raises(MalformedRequest):
        _read(*headers)


def test_http_1_0_has_no_transfer_encoding() -> None:
    with pytest.raises(MalformedRequest, match=r"HTTP/1\.0"):
        _read((b"Transfer-Encoding", b"chunked"), version="1.0")


@pytest.mark.parametrize(
    "host", [b"", b"a/b", b"a@b", b"a b", b"a:port", b"a:1:2", b"[::1", b"a,b", b"a?"]
)
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    with pytest.raises(MalformedRequest, match="Host"):
        read(b"GET", b"/v2", [(b"Host", host)], "1.1")


@pytest.mark.parametrize("host", [b"gateway", b"10.0.0.1:8080", b"[::1]:8080", b"a_b.c-d"])
def test_a_name_or_an_address_with_or_without_a_port_is_a_host(host: bytes) -> None:
    read(b"GET", b"/v2", [(b"Host", host)], "1.1")


def test_the_absolute_form_is_read_as_its_path() -> None:
    for target in (b"http://gateway/v2", b"HTTP://GATEWAY/v2", b"https://gateway/v2"):
        assert read(b"GET", target, [HOST], "1.1").target == b"/v2"
    assert read(b"GET", b"http://gateway", [HOST], "1.1").target == b"/"


def test_an_absolute_form_that_names_another_host_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="different hosts"):
        read(b"GET", b"http://other/v2", [HOST], "1.1")


def test_a_field_too_long_is_refused() -> None:
    with pytest.raises(HeadersTooLarge, match=str(MAX_FIELD_BYTES)):
        _read((b"X-Long", b"x" * (MAX_FIELD_BYTES + 1)))


def test_the_size_of_the_json_before_tensors_is_a_number() -> None:
    assert _read((b"Inference-Header-Content-Length", b"17")).json_bytes == 17
    assert _read().json_bytes is None
    for given in (b"", b"+1", b"1.5", b"0x1", b"9" * 11):
        with pytest.raises(MalformedRequest, match="not a number"):
            _read((b"Inference-Header-Content-Length", given))


def test_a_trace_goes_on_and_anything_else_is_dropped() -> None:
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    going_on = _read((b"Traceparent", parent), (b"Tracestate", b"a=1"))
    assert (going_on.traceparent, going_on.forwarded) == (parent, PLAIN + b"Tracestate: a=1\r\n")
    new = _read((b"Traceparent", b"junk"), (b"Tracestate", b"a=1"))
    assert (new.traceparent, new.forwarded) == (b"", PLAIN)


def test_other_versions_are_refused() -> None:
    with pytest.raises(MalformedRequest, match=r"HTTP/2\.0"):
        _read(version="2.0")


def test_http_1_1_needs_a_host() -> None:
    with pytest.raises(MalformedRequest, match="Host"):
        read(b"GET", b"/v2", [], "1.1")


def test_a_get_has_no_body() -> None:
    with pytest.raises(MalformedRequest, match="body"):
        _read((b"Content-Length", b"3"), method=b"GET")


def test_too_many_fields_and_too_long_a_target_are_refused() -> None:
    with pytest.raises(HeadersTooLarge, match=str(MAX_HEADERS)):
        _read(*[(b"X-%d" % number, b"") for number in range(MAX_HEADERS)])
    with pytest.raises(UriTooLong):
        target = b"/" * (MAX_TARGET_BYTES + 1)
        read(b"GET", target, [HOST], "1.1")


def test_only_what_triton_reads_is_passed_on() -> None:
    head = _read(
        (b"content-type", b"application/octet-stream"),
        (b"INFERENCE-HEADER-CONTENT-LENGTH", b" 7 "),
        (b"Authorization", b"Bearer secret"),
        (b"X-API-Key", b"secret"),
        (b"Connection", b"close, X-Private"),
        (b"X-Private", b"1"),
        (b"triton_priority", b"1"),
        (b"Cookie", b"secret"),
        (b"TE", b"trailers"),
        (b"X-Forwarded-For", b"1.2.3.4"),
    )
    assert head.forwarded == (
        b"Content-Type: application/octet-stream\r\nInference-Header-Content-Length: 7\r\n" + PLAIN
    )


def test_lists_given_in_two_fields_are_joined() -> None:
    head = _read((b"Accept-Encoding", b"gzip"), (b"Accept-Encoding", b"deflate"))
    assert head.forwarded == b"Accept-Encoding: gzip, deflate\r\n"


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([(b"Authorization", b"Bearer abc")], b"abc"),
        ([(b"Authorization", b"bearer  abc")], b"abc"),
        ([(b"X-API-Key", b"abc")], b"abc"),
        ([(b"Authorization", b"Basic abc"), (b"X-API-Key", b"key")], b"key"),
        ([(b"Authorization", b"Basic abc")], b""),
        ([], b""),
    ],
)
def test_the_token_is_found(headers: list[Header], token: bytes) -> None:
    assert read(b"POST", b"/v2", [HOST, *headers]).token == token


@pytest.mark.parametrize("given", [b"", b"a b", b"a" * 129, b'"', "\u00e9".encode()])
def test_a_request_id_of_another_form_is_not_taken(given: bytes) -> None:
    assert _read((b"X-Request-Id", given)).request_id == b""


def test_a_request_id_is_taken() -> None:
    assert _read((b"X-Request-Id", b"Job_1.2-3")).request_id == b"Job_1.2-3"


def test_what_varies_is_read_each_time_and_the_rest_once() -> None:
    reader = HeadReader()
    for number, length in enumerate((b"1", b"2", b"1")):
        headers = [
            HOST,
            (b"Authorization", b"Bearer t%d" % number),
            (b"Content-Length", length),
            (b"X-Request-Id", b"r%d" % number),
            (b"Accept", b"a/b"),
        ]
        head, target, token = read_by(reader, b"POST", b"/v2/%d" % number, headers)
        assert (target, token) == (b"/v2/%d" % number, b"t%d" % number)
        assert (head.request_id, head.body_bytes) == (b"r%d" % number, int(length))
        assert head.forwarded == b"Accept: a/b\r\n" + PLAIN


def test_a_field_that_is_gone_is_not_remembered() -> None:
    reader = HeadReader()
    with_accept = [HOST, (b"Accept", b"a/b"), (b"Transfer-Encoding", b"chunked")]
    assert read_by(reader, b"POST", b"/", with_accept).head.body_bytes is None
    head = read_by(reader, b"POST", b"/", [HOST]).head
    assert (head.forwarded, head.body_bytes) == (PLAIN, 0)
    with pytest.raises(MalformedRequest, match="Host"):
        read_by(reader, b"POST", b"/", [])


def test_what_is_remembered_is_small() -> None:
    reader = HeadReader()
    read_by(reader, b"GET", b"/", [HOST, (b"X", b"x" * REMEMBERED_BYTES)])
    assert reader._fields is reader._head is None
    key = (b"Authorization", b"Bearer " + b"x" * (REMEMBERED_BYTES + 1))
    request_id = (b"X-Request-Id", b"x" * (REMEMBERED_BYTES + 1))
    read_by(reader, b"GET", b"/" + b"x" * REMEMBERED_BYTES, [HOST, key, request_id])
    assert reader._head is None
    assert (reader._target, reader._hashed) == (b"/", (b"", b""))


@pytest.mark.parametrize("name", [b"AUTHORIZATION", b"authoriZation"])
def test_a_spelling_that_was_not_foreseen_is_the_same_field(name: bytes) -> None:
    reader = HeadReader()
    for number in range(2):
        given = (name, b"Bearer t%d" % number)
        assert read_by(reader, b"GET", b"/", [HOST, given]).token == b"t%d" % number
    with pytest.raises(MalformedRequest, match="twice"):
        read_by(reader, b"GET", b"/", [HOST, (name, b"Bearer a"), (b"Authorization", b"Bearer b")])
    with pytest.raises(MalformedRequest, match="twice"):
        read_by(reader, b"POST", b"/", [HOST, (b"content-LENGTH", b"1"), (b"Content-Length", b"1")])


def test_another_model_or_key_changes_nothing_else() -> None:
    reader = HeadReader()
    first = read_by(reader, b"POST", b"/a", [HOST, (b"Authorization", b"Bearer x")])
    for target, token in ((b"/b", b"x"), (b"/b", b"y"), (b"/a", b"z"), (b"/a", b"x")):
        key = (b"Authorization", b"Bearer " + token)
        again = read_by(reader, b"POST", target, [HOST, key])
        assert (again.target, again.token) == (target, token)
        assert again.head is first.head
    other = read_by(reader, b"POST", b"/a", [HOST, (b"X-API-Key", b"Bearer x")])
    assert other.token == b"Bearer x"
    basic = read_by(reader, b"POST", b"/a", [HOST, (b"Authorization", b"Basic x")])
    assert basic.token == b""


def test_a_request_without_a_key_after_one_with_it_has_none() -> None:
    reader = HeadReader()
    read_by(reader, b"GET", b"/", [HOST, (b"Authorization", b"Bearer x")])
    assert read_by(reader, b"GET", b"/", [HOST]).token == b""


def test_a_bad_target_is_refused_also_after_a_good_one() -> None:
    reader = HeadReader()
    read_by(reader, b"GET", b"/a", [HOST])
    with pytest.raises(MalformedRequest, match="fragment"):
        read_by(reader, b"GET", b"/a#b", [HOST])
    with pytest.raises(UriTooLong):
        read_by(reader, b"GET", b"/" * (MAX_TARGET_BYTES + 1), [HOST])
    with pytest.raises(MalformedRequest, match="different hosts"):
        read_by(reader, b"GET", b"http://other/a", [HOST])


@pytest.mark.parametrize(
    "other",
    [
        [(b"Authorization", b"Bearer " + b"j" * REMEMBERED_BYTES)],
        [(b"Authorization", b"Bearer a-token-that-is-longer-than-" + b"a" * TOKEN_LENGTH)],
        [(b"Authorization", b"Bearer a-token-that-is-no-longer")],
        [(b"Authorization", b"Bearer second"), (b"X-API-Key", b"third")],
        [],
    ],
    ids=["too long to be remembered", "longer than a key", "short", "two fields", "none"],
)
def test_the_hash_is_of_the_token_that_the_request_shows(other: list[Header]) -> None:
    """A proxy sends the requests of many clients by one connection."""
    reader = HeadReader()
    first = [(b"Authorization", b"Bearer first" + b"t" * TOKEN_LENGTH)]
    for headers in (first, other, first, other):
        token = read_by(reader, b"GET", b"/v2", [HOST, *headers]).token
        assert reader.token_hash == (sha256(token).digest() if len(token) > TOKEN_LENGTH else b"")
