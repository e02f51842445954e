"""Sizes: first line, fields, heads, bodies declared and sent."""

from gateway.data.fields import MAX_FIELD_BYTES
from gateway.data.head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES
from tests.gateway.abuse.case import (
    INFER,
    LIVE,
    Case,
    denied,
    endless,
    infer,
    line,
    live,
    passed,
    refused,
)

# Of the gateway that the suite runs against (tests/gateway/helpers.py).
MAX_BODY_BYTES = 1_000_000
_TOO_MUCH = b"Content-Length: %d\r\n" % (MAX_BODY_BYTES + 100_000)
_LONG = LIVE[4:] + b"?" + b"a" * (MAX_TARGET_BYTES - len(LIVE[4:]) - 1)


def _get(target: bytes) -> bytes:
    return line(b"GET " + target + b" HTTP/1.1")


CASES: list[Case] = [
    passed("the longest target", _get(_LONG), (LIVE, b"")),
    refused("a target one byte longer", _get(_LONG + b"a"), 414),
    refused("a target longer than a head", _get(b"/" + b"a" * MAX_HEAD_BYTES), 414),
    endless("a target without end", b"GET /" + b"a" * (2 * MAX_HEAD_BYTES), 414),
    refused("a path of many segments", _get(b"/a" * MAX_TARGET_BYTES), 414),
    passed("the most fields", live(b"X: a\r\n" * (MAX_HEADERS - 1)), (LIVE, b"")),
    refused("a field more", live(b"X: a\r\n" * MAX_HEADERS), 431),
    refused("very many fields", live(b"X:\r\n" * 8000), 431),
    endless("fields without end", LIVE + b" HTTP/1.1\r\n" + b"X: a\r\n" * 8000, 431),
    passed("the largest field", live(b"X: " + b"a" * MAX_FIELD_BYTES + b"\r\n"), (LIVE, b"")),
    refused("a field one byte larger", live(b"X: " + b"a" * (MAX_FIELD_BYTES + 1) + b"\r\n"), 431),
    refused("a field too large", live(b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n"), 431),
    endless("a value without end", LIVE + b" HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES, 431),
    refused("a name too long", live(b"X" * MAX_HEAD_BYTES + b": a\r\n"), 431),
    endless("a name without end", LIVE + b" HTTP/1.1\r\n" + b"X" * MAX_HEAD_BYTES, 431),
    refused("fields that are too large together", live((b"X: " + b"a" * 4000 + b"\r\n") * 9), 431),
    endless("empty lines without end", b"\r\n" * MAX_HEAD_BYTES, 431),
    refused("a body declared too large", infer(_TOO_MUCH), 413),
    refused("a body declared far too large", infer(b"Content-Length: " + b"9" * 18 + b"\r\n"), 413),
    refused("a large body without a key", infer(_TOO_MUCH).replace(b"$KEY", b"ck_no"), 401),
    refused(
        "a body declared too large, awaited", infer(b"Expect: 100-continue\r\n" + _TOO_MUCH), 413
    ),
    denied(
        "a small body without a key",
        infer(b"Content-Length: 3\r\n", b"abc").replace(b"$KEY", b""),
        401,
    ),
    denied(
        "a small chunked body without a key",
        infer(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n").replace(
            b"$KEY", b"ck_x"
        ),
        401,
    ),
    passed(
        "a body of many bytes",
        infer(b"Content-Length: 60000\r\n", b"x" * 60_000),
        (INFER, b"x" * 60_000),
    ),
    passed(
        "a streamed body",
        infer(b"Content-Length: 300000\r\n", b"x" * 300_000),
        (INFER, b"x" * 300_000),
    ),
    passed(
        "a streamed chunked body",
        infer(
            b"Transfer-Encoding: chunked\r\n",
            (b"c350\r\n" + b"x" * 50_000 + b"\r\n") * 6 + b"0\r\n\r\n",
        ),
        (INFER, b"x" * 300_000),
    ),
]
