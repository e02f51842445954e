"""The head of the request that Triton gets."""

import pytest

from gateway.data.fields import PLAIN
from gateway.data.head import Head
from gateway.data.routes import find_route
from gateway.data.upstream_request import request_head

INFER = b"/v2/models/echo/infer"


def head_of(target: bytes, body_bytes: int | None, *, method: bytes, forwarded: bytes) -> bytes:
    head = Head(
        method=method,
        keep_alive=True,
        is_http_1_0=False,
        request_id=b"",
        body_bytes=body_bytes,
        expects_continue=False,
        json_bytes=None,
        coding=b"",
        traceparent=b"",
        forwarded=forwarded,
    )
    route = find_route(method, target)
    return request_head(route, b"triton:8000", head, b"r-1", b"00-a-b-01", body_bytes=body_bytes)


@pytest.mark.parametrize(
    ("target", "method", "body_bytes", "framing"),
    [
        (INFER, b"POST", 7, b"Content-Length: 7\r\n"),
        (INFER, b"POST", 0, b"Content-Length: 0\r\n"),
        (INFER, b"POST", None, b"Transfer-Encoding: chunked\r\n"),
        (b"/v2", b"GET", 0, b""),
    ],
)
def test_it_is_built_anew_with_one_framing_and_without_secrets(
    target: bytes, method: bytes, body_bytes: int | None, framing: bytes
) -> None:
    built = head_of(target, body_bytes, method=method, forwarded=b"Accept: a/b\r\n")
    assert built == (
        b"%b %b HTTP/1.1\r\nHost: triton:8000\r\nAccept: a/b\r\n%bTraceparent: 00-a-b-01\r\n"
        b"Via: 1.1 conch\r\nX-Request-Id: r-1\r\n\r\n" % (method, target, framing)
    )


def test_a_list_that_is_read_here_comes_plain_whatever_the_client_takes() -> None:
    forwarded = b"Accept-Encoding: gzip\r\nContent-Type: a/b\r\n"
    built = head_of(b"/v2/models/stats", 0, method=b"GET", forwarded=forwarded)
    assert PLAIN in built and b"gzip" not in built and b"Content-Type" not in built


def test_the_path_is_the_routes_not_the_clients() -> None:
    built = head_of(INFER + b"?secret=1", 2, method=b"POST", forwarded=b"")
    assert built.startswith(b"POST %b HTTP/1.1\r\n" % INFER)
