"""Content-Length: forms that another parser could read as another number."""

from tests.gateway.abuse.case import HIDDEN, INFER, Case, infer, live, named, passed, refused

_NOT_ONE_NUMBER = [
    b"", b"+3", b"-3", b"-0", b"3.0", b"3e0", b"0x3", b"0b11", b"1_0", b"_3", b"3_", b"3,", b",3",
    b"3, 3", b"3,3", b"3, 4", b"3;", b"3;a", b"3 4", b"3 3", b"a", b"3a", b"a3", b'"3"', b"'3'",
    b"(3)", b"three", b"%33", b"\xd9\xa3", b"\xef\xbc\x93", b"\xb2", b"3\xa0", b"\xa03",
    b"Infinity", b"NaN", b"null", b"3\x00", b"\x003", b"3\x0b", b"\x0b3", b"3\x0c", b"\x7f3",
]  # fmt: skip
# Beyond 64 bits some parsers wrap around: 2**64 + 3 is their 3.
_TOO_BIG = [
    b"18446744073709551619", b"18446744073709551616", b"9223372036854775808",
    b"340282366920938463463374607431768211459", b"9" * 19, b"9" * 100,
]  # fmt: skip
# RFC 9110, 8.6 allows any digits, and leading and trailing blanks are no part of a value: there is
# one reading only, and Triton gets the number written anew.
_THREE = [b"3", b"03", b"0" * 15 + b"3", b" 3", b"\t3", b"3 ", b"3\t", b"  3  "]


def _length(value: bytes) -> bytes:
    return b"Content-Length: " + value + b"\r\n"


TWICE = [
    ("two equal lengths", _length(b"3") + _length(b"3")),
    ("two lengths, longer last", _length(b"3") + _length(b"40")),
    ("two lengths, longer first", _length(b"40") + _length(b"3")),
    ("two lengths, one zero", _length(b"0") + _length(b"3")),
    ("two lengths, the last is zero", _length(b"3") + _length(b"0")),
    ("two lengths in other spellings", _length(b"3") + b"content-LENGTH: 3\r\n"),
    ("two lengths apart", _length(b"3") + b"X-A: b\r\n" + _length(b"3")),
    ("two lengths, the last not a number", _length(b"3") + _length(b"x")),
    ("two lengths, the first empty", _length(b"") + _length(b"3")),
]

CASES: list[Case] = [
    *(refused(named("length", v), infer(_length(v), b"abc")) for v in _NOT_ONE_NUMBER),
    *(refused(named("length", v), infer(_length(v), b"abc")) for v in _TOO_BIG),
    *(passed(named("length", v), infer(_length(v), b"abc"), (INFER, b"abc")) for v in _THREE),
    *(refused(name, infer(fields, b"abc" + HIDDEN)) for name, fields in TWICE),
    refused("length with a space before its colon", infer(b"Content-Length : 3\r\n", b"abc")),
    refused("length with a tab before its colon", infer(b"Content-Length\t: 3\r\n", b"abc")),
    refused("length with a space before it", infer(b" Content-Length: 3\r\n", b"abc")),
    refused("length folded", infer(b"Content-Length:\r\n 3\r\n", b"abc")),
    refused("length behind a bare LF", infer(b"X-A: b\nContent-Length: 3\r\n", b"abc")),
    refused("length behind a bare CR", infer(b"X-A: b\rContent-Length: 3\r\n", b"abc")),
    refused("length behind a NUL", infer(b"X-A: b\0Content-Length: 3\r\n", b"abc")),
    refused("length with a NUL in its name", infer(b"Content-Length\0: 3\r\n", b"abc")),
    # An underscore makes it another field, which nobody reads: there is no body, so what follows
    # is a request, and not one.
    Case(
        name="length with an underscore",
        data=infer(b"Content_Length: 3\r\nContent-Length: 0\r\n", b"abc" + HIDDEN),
        answers=(200, 400),
        is_kept=False,
        asked=((INFER, b""),),
    ),
    passed("a request in a body", infer(_length(b"%d" % len(HIDDEN)), HIDDEN), (INFER, HIDDEN)),
    passed("no length and no coding is no body", infer(), (INFER, b"")),
    passed("length zero", infer(_length(b"0")), (INFER, b"")),
    refused("body of a GET", live(_length(b"%d" % len(HIDDEN))) + HIDDEN),
    refused("chunked body of a GET", live(b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"),
    passed("length zero of a GET", live(_length(b"0")), (b"GET /v2/health/live", b"")),
]
