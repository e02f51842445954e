"""What a broken or hostile Triton may answer, and what the client then gets."""

from dataclasses import dataclass

from gateway.data.answer_reader import MAX_ANSWER_HEAD_BYTES
from tests.gateway.abuse.case import named

_OK = b"HTTP/1.1 200 OK\r\n"
_ONE = b"Content-Length: 1\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCase:
    """One answer; after it the connection to Triton is used again or closed."""

    name: str
    data: bytes
    # None: broken off, so that the client cannot take it for whole.
    status: int | None
    body: bytes = b""
    is_pooled: bool = False
    # Whether Triton closes after it; else it waits for the next request.
    closes: bool = False


def _bad(name: str, data: bytes, *, closes: bool = False) -> AnswerCase:
    return AnswerCase(name=name, data=data, status=502, closes=closes)


def _good(
    name: str, data: bytes, body: bytes = b"x", status: int = 200, pooled: bool = True
) -> AnswerCase:
    return AnswerCase(name=name, data=data, status=status, body=body, is_pooled=pooled)


def _broken(name: str, data: bytes) -> AnswerCase:
    return AnswerCase(name=name, data=data, status=None, closes=True)


def _head(fields: bytes, body: bytes = b"x") -> bytes:
    return _OK + fields + b"\r\n" + body


def _chunked(body: bytes) -> bytes:
    return _OK + b"Transfer-Encoding: chunked\r\n\r\n" + body


_BAD_LINES = [
    b"", b" ", b"junk", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 abc OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 2.0 OK",
    b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b" HTTP/1.1 200 OK", b"http/1.1 200 OK",
    b"HTTP/1.2 200 OK", b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK", b"HTTP/9.9 200 OK",
    b"HTTP/1 200 OK", b"HTTP/1.1 200 a\rb", b"ICY 200 OK", b"RTSP/1.0 200 OK", b"ICE/1.0 200 OK",
    b"GET / HTTP/1.1", b"POST /v2 HTTP/1.1", b"\x00", b"\x16\x03\x01\x02\x00", b"<html>",
    b"HTTP/1.1 000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 999999 OK", b"{}", b"SSH-2.0-x",
    b"HTTP/1.1200 OK",
]  # fmt: skip
_BAD_FIELDS = [
    b"X: a\nY: b\r\n", b"X: a\rSet-Cookie: b\r\n", b"X: a\x00b\r\n", b"X: a\x01b\r\n",
    b"X: a\x7fb\r\n", b"X: a\r\n folded\r\n", b"X : a\r\n", b": a\r\n", b"X\r\n", b"X Y: a\r\n",
    b"X\x00: a\r\n", b" X: a\r\n", b"X\xe9: a\r\n", b"X(: a\r\n", b"X: a\r\r\n", b"X: a\n\r\n",
]  # fmt: skip
_BAD_FRAMINGS = [
    b"Content-Length: +1\r\n", b"Content-Length: -1\r\n", b"Content-Length: 1_0\r\n",
    b"Content-Length: 0x1\r\n", b"Content-Length: 1, 1\r\n", b"Content-Length: 1 1\r\n",
    b"Content-Length: x\r\n", b"Content-Length:\r\n", b"Content-Length: 18446744073709551617\r\n",
    b"Content-Length: 1.0\r\n", _ONE + _ONE, _ONE + b"Content-Length: 2\r\n",
    b"Content-Length: 2\r\n" + _ONE, _ONE + b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\n" + _ONE, b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n", b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: identity\r\n" + _ONE,
    b"Transfer-Encoding:\r\n", b"Transfer-Encoding: chunked, chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"",
]  # fmt: skip
_BAD_CHUNKS = [
    b"1 \r\nx\r\n0\r\n\r\n", b"0x1\r\nx\r\n0\r\n\r\n", b"+1\r\nx\r\n0\r\n\r\n",
    b"-1\r\nx\r\n0\r\n\r\n", b"zz\r\n", b"1\nx\r\n0\r\n\r\n", b"f" * 17 + b"\r\nx\r\n0\r\n\r\n",
    b"1;a\nx\r\n0\r\n\r\n", b"\r\nx\r\n0\r\n\r\n",
]  # fmt: skip
# Written before the fault shows, so that what the client gets breaks off.
_LATE_FAULTS = [
    b"1\r\nxy\r\n0\r\n\r\n", b"1\r\nx0\r\n\r\n", b"1\r\nx\n0\r\n\r\n", b"1\r\nx\r\nzz\r\n",
    b"1\r\nx\r\n0\r\nContent-Length: 1\r\n\r\n", b"1\r\nx\r\n0\r\nX: a\x00\r\n\r\n",
]  # fmt: skip

CASES: list[AnswerCase] = [
    *(_bad(named("line", v), v + b"\r\n" + _ONE + b"\r\nx", closes=True) for v in _BAD_LINES),
    *(_bad(named("field", v), _head(v + _ONE)) for v in _BAD_FIELDS),
    *(
        _bad(named("framing", v), _head(v, b"1\r\nx\r\n0\r\n\r\n"), closes=True)
        for v in _BAD_FRAMINGS
    ),
    *(_bad(named("chunk", v), _chunked(v), closes=True) for v in _BAD_CHUNKS),
    *(_bad(named("late fault", v), _chunked(v), closes=True) for v in _LATE_FAULTS),
    _bad("nothing", b"", closes=True),
    _bad("half a head", _OK + b"Content-Le", closes=True),
    _bad("a short body", _OK + b"Content-Length: 10\r\n\r\nabc", closes=True),
    _bad(
        "a body that ends with the connection", _OK + b"Connection: close\r\n\r\nabc", closes=True
    ),
    _bad("bare LFs in an answer", b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx"),
    _bad(
        "a head too large", _OK + b"X: " + b"a" * MAX_ANSWER_HEAD_BYTES + b"\r\n" + _ONE + b"\r\nx"
    ),
    _bad("a head of many fields", _OK + b"X: a\r\n" * MAX_ANSWER_HEAD_BYTES + _ONE + b"\r\nx"),
    _bad("a head without end", _OK + b"X: " + b"a" * (2 * MAX_ANSWER_HEAD_BYTES)),
    _bad("a line without end", b"HTTP/1.1 200 " + b"a" * (2 * MAX_ANSWER_HEAD_BYTES)),
    _bad("interim answers without end", b"HTTP/1.1 100 Continue\r\n\r\n" * 5000),
    _bad("switching protocols", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    _bad("switching to h2c", b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
    _bad("switching, then an answer", b"HTTP/1.1 101 x\r\n\r\n" + _head(_ONE)),
    _bad("an interim answer alone", b"HTTP/1.1 100 Continue\r\n\r\n", closes=True),
    _bad(
        "an interim answer with a body",
        b"HTTP/1.1 100 x\r\nContent-Length: 3\r\n\r\nabc" + _head(_ONE),
    ),
    _bad(
        "an interim answer that says close",
        b"HTTP/1.1 100 x\r\nConnection: close\r\n\r\n" + _head(_ONE),
    ),
    _bad("a body where there is none", b"HTTP/1.1 204 No Content\r\n" + _ONE + b"\r\nx"),
    _bad(
        "chunks where there are none",
        b"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ),
    _bad(
        "HTTP/1.0 with chunks",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ),
    # The parser does not tell RTSP/1.0 and ICE/1.0 from it, and Triton speaks HTTP/1.1.
    _bad("HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + _ONE + b"\r\nx"),
    _bad(
        "a status below 100 with a body, then an answer",
        b"HTTP/1.1 000 x\r\nContent-Length: 3\r\n\r\nabc" + _head(_ONE),
    ),
    _bad("junk behind an answer", _head(_ONE) + b"junk"),
    _bad("too much for its length", _head(_ONE, b"xyz")),
    _broken(
        "a long body that breaks off", _OK + b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000
    ),
    _broken("chunks that break off", _chunked(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")),
    _broken("chunks that break off in a size", _chunked(b"186a0\r\n" + b"x" * 100_000 + b"\r\n1")),
    _good("one byte", _head(_ONE)),
    _good("a length with blanks", _head(b"Content-Length: \t1 \r\n")),
    _good("chunks", _chunked(b"1\r\nx\r\n0\r\n\r\n")),
    _good("chunks with extensions and trailers", _chunked(b"1;a=b\r\nx\r\n0\r\nX: y\r\n\r\n")),
    _good("no reason", b"HTTP/1.1 200\r\n" + _ONE + b"\r\nx"),
    _good("empty lines before", b"\r\n\r\n" + _head(_ONE)),
    _good("an interim answer before", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + _head(_ONE)),
    _good("twenty interim answers before", b"HTTP/1.1 102 x\r\n\r\n" * 20 + _head(_ONE)),
    _good("an unknown status", b"HTTP/1.1 799 x\r\n" + _ONE + b"\r\nx", status=799),
    _good("an error of Triton's", b"HTTP/1.1 503 x\r\n" + _ONE + b"\r\nx", status=503),
    _good("close", _head(_ONE + b"Connection: close\r\n"), pooled=False),
    _good("two answers", _head(_ONE) + _head(_ONE, b"y"), pooled=False),
    _good("two answers, the last in part", _head(_ONE) + _OK, pooled=False),
    _good("an empty line behind an answer", _head(_ONE) + b"\r\n"),
    _good("no content", b"HTTP/1.1 204 No Content\r\n\r\n", b"", 204),
    _good(
        "an upgrade that was not asked for",
        _head(b"Connection: upgrade\r\nUpgrade: h2c\r\n" + _ONE),
    ),
]
