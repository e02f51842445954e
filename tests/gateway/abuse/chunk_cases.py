"""Chunked bodies: sizes, extensions, ends of lines, trailers."""

from tests.gateway.abuse.case import HIDDEN, INFER, Case, infer, named, passed, refused

_END = b"\r\nabc\r\n0\r\n\r\n"

_NO_SIZES = [
    b"", b" 3", b"3 ", b"\t3", b"3\t", b"+3", b"-3", b"-0", b"0x3", b"0X3", b"x3", b"3h", b"3g",
    b"_3", b"0_3", b"3,", b"3.0", b'"3"', b"3\x00", b"\x003", b"\x0b3", b"3\x0b", b"3\xa0",
    b"\xef\xbc\x93", b"3 3", b"3\n", b"\n3", b"\r3", b"3\r", b"3\r\r", b";", b";a", b"$3",
    # Past 64 bits, and what wraps around to 3.
    b"f" * 17, b"1" + b"0" * 15 + b"3", b"1" + b"0" * 16 + b"3", b"f" * 1000,
]  # fmt: skip
# RFC 9112, 7.1: any number of hexadecimal digits, so zeros before them too.
_SIZES = [b"03", b"0" * 15 + b"3", b"0" * 100 + b"3"]

# A recipient must ignore extensions that it does not know (7.1.1). `;a=` is short of a value, but
# the parser tells nobody, and no extension goes any further.
_EXTENSIONS = [
    b";a=",
    b";a",
    b";a=b",
    b';a="b"',
    b";a;b;c=d",
    b';a="b;c"',
    b';a="b\\"c"',
    b";" + b"a" * 99,
]
_NO_EXTENSIONS = [
    b";", b" ;a", b"; a", b";a =b", b';a="b', b";a\n", b";a\rb", b";a\x00", b";a=\x01",
    b';a="\x01"', b';a="\n"', b';a="\r\n"', b";a=\xff", b";a\r", b"a;b", b" a=b",
]  # fmt: skip

_LAYOUTS = [
    ("no line end after a chunk", b"3\r\nabc0\r\n\r\n"),
    ("bare LF after a chunk", b"3\r\nabc\n0\r\n\r\n"),
    ("bare CR after a chunk", b"3\r\nabc\r0\r\n\r\n"),
    ("bare LF after the last size", b"3\r\nabc\r\n0\n\r\n"),
    ("bare LF at the end", b"3\r\nabc\r\n0\r\n\n"),
    ("bare CR at the end", b"3\r\nabc\r\n0\r\n\rX"),
    ("bare LFs only", b"3\nabc\n0\n\n"),
    ("a chunk longer than its size", b"3\r\nabcd\r\n0\r\n\r\n"),
    ("a chunk longer by a line end", b"3\r\nabc\r\n\r\n0\r\n\r\n"),
    ("a chunk shorter than its size", b"5\r\nabc\r\n0\r\n\r\n"),
    ("a blank line before the first size", b"\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("a request in place of a size", HIDDEN),
    ("junk after a size", b"3junk\r\nabc\r\n0\r\n\r\n"),
]
_TRAILERS = [
    b"Transfer-Encoding: chunked", b"Content-Length: 3", b"Content-Length: 0", b"bad name: x",
    b"X : y", b": x", b"X", b"X: y\n", b"X: y\rZ: a", b"X: \x00", b"X: y\r\n folded", b" X: y",
]  # fmt: skip
# Trailers are dropped, whatever they claim to be.
_DROPPED_TRAILERS = [
    b"X-A: b", b"Host: other", b"Authorization: Bearer x", b"X-API-Key: other", b"Expect: x",
    b"Inference-Header-Content-Length: 1", b"Content-Type: text/html", b"Host: a\r\nHost: b",
    b"Connection: upgrade\r\nUpgrade: h2c", b"Content-Encoding: gzip", b"Trailer: X",
]  # fmt: skip


def _chunked(body: bytes) -> bytes:
    return infer(b"Transfer-Encoding: chunked\r\n", body)


CASES: list[Case] = [
    *(refused(named("size", v), _chunked(v + _END + HIDDEN)) for v in _NO_SIZES),
    *(passed(named("size", v), _chunked(v + _END), (INFER, b"abc")) for v in _SIZES),
    *(
        passed(named("extension", v), _chunked(b"3" + v + _END), (INFER, b"abc"))
        for v in _EXTENSIONS
    ),
    *(refused(named("extension", v), _chunked(b"3" + v + _END + HIDDEN)) for v in _NO_EXTENSIONS),
    *(refused(name, _chunked(body + HIDDEN)) for name, body in _LAYOUTS),
    *(
        refused(named("trailer", v), _chunked(b"3\r\nabc\r\n0\r\n" + v + b"\r\n\r\n"))
        for v in _TRAILERS
    ),
    *(
        passed(
            named("trailer", v), _chunked(b"3\r\nabc\r\n0\r\n" + v + b"\r\n\r\n"), (INFER, b"abc")
        )
        for v in _DROPPED_TRAILERS
    ),
    passed("an empty chunked body", _chunked(b"0\r\n\r\n"), (INFER, b"")),
    passed("several zeros end a body", _chunked(b"3\r\nabc\r\n000\r\n\r\n"), (INFER, b"abc")),
    passed("many chunks", _chunked(b"1\r\nx\r\n" * 500 + b"0\r\n\r\n"), (INFER, b"x" * 500)),
    passed(
        "a request in a chunk",
        _chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)),
        (INFER, HIDDEN),
    ),
    # The body has ended, so the fault that follows it is a request's of its own.
    Case(
        name="junk after a chunked body",
        data=_chunked(b"3\r\nabc\r\n0\r\n\r\njunk\r\n"),
        answers=(200, 400),
        is_kept=False,
        asked=((INFER, b"abc"),),
    ),
    Case(
        name="a trailer that says close",
        data=_chunked(b"3\r\nabc\r\n0\r\nConnection: close\r\n\r\n"),
        answers=(200, 400),
        is_kept=False,
        asked=((INFER, b"abc"),),
    ),
]
