"""Transfer-Encoding: anything but one plain `chunked`, and everything beside a length."""

from tests.gateway.abuse.case import HIDDEN, INFER, Case, infer, named, passed, refused

_BODY = b"3\r\nabc\r\n0\r\n\r\n"
_LENGTH = b"Content-Length: 5\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"

# Codings besides chunked are RFC 9112's 501; there 400 is as good an answer, and one for all.
_OTHER_CODINGS = [
    b"", b"identity", b"gzip", b"deflate", b"compress", b"br", b"xchunked", b"chunkedx", b"x",
    b"chunked, chunked", b"chunked,chunked", b"chunked, identity", b"identity, chunked",
    b"gzip, chunked", b"chunked, gzip", b",chunked", b"chunked,", b", chunked", b"chunked, ",
    b"chunked;q=1", b"chunked; a=b", b"chunked chunked", b'"chunked"', b"'chunked'", b"(chunked)",
    b"chun ked", b"chunk", b"chunke", b"c\xa0hunked", b"chunked\xa0", b"\xa0chunked",
    b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"chunked\x00", b"\x00chunked", b"chunked\x7f",
    b"x, chunked", b"cow", b"chunked\t", b"%63hunked", b"trailers",
]  # fmt: skip
# The name of the coding is case-insensitive, and blanks around a value are no part of it.
_PLAIN = [b"chunked", b"Chunked", b"CHUNKED", b"cHuNkEd", b" chunked", b"\tchunked", b"chunked  "]


def _coding(value: bytes) -> bytes:
    return b"Transfer-Encoding: " + value + b"\r\n"


_WITH_LENGTH = [
    ("length, coding", _LENGTH + _CHUNKED),
    ("coding, length", _CHUNKED + _LENGTH),
    ("length, coding in capitals", _LENGTH + _CHUNKED.upper()),
    ("coding in capitals, length", _CHUNKED.upper() + _LENGTH),
    ("length, coding without a blank", _LENGTH + b"Transfer-Encoding:chunked\r\n"),
    ("length, coding behind a tab", _LENGTH + b"Transfer-Encoding:\tchunked\r\n"),
    ("length, identity", _LENGTH + _coding(b"identity")),
    ("identity, length", _coding(b"identity") + _LENGTH),
    ("length, xchunked", _LENGTH + _coding(b"xchunked")),
    ("length, gzip, chunked", _LENGTH + _coding(b"gzip, chunked")),
    ("length, empty coding", _LENGTH + _coding(b"")),
    ("length, coding, length", _LENGTH + _CHUNKED + _LENGTH),
    ("coding, length, coding", _CHUNKED + _LENGTH + _CHUNKED),
    ("length zero, coding", b"Content-Length: 0\r\n" + _CHUNKED),
    ("coding, length zero", _CHUNKED + b"Content-Length: 0\r\n"),
    ("length, coding with a space before its colon", _LENGTH + b"Transfer-Encoding : chunked\r\n"),
    ("length, coding with a space before it", _LENGTH + b" Transfer-Encoding: chunked\r\n"),
    ("length, coding behind a bare LF", b"X: y\nTransfer-Encoding: chunked\r\n" + _LENGTH),
    ("length, coding behind a bare CR", b"X: y\rTransfer-Encoding: chunked\r\n" + _LENGTH),
    ("length, coding with a bare CR", _LENGTH + b"Transfer-Encoding: chunked\r\r\n"),
    ("length, coding in a folded line", _LENGTH + b"X: y\r\n Transfer-Encoding: chunked\r\n"),
    ("length, coding with a NUL", _LENGTH + b"Transfer-Encoding\0: chunked\r\n"),
    ("length, coding with a control byte", _LENGTH + b"\x01Transfer-Encoding: chunked\r\n"),
]
_TWICE = [
    ("coding twice", _CHUNKED + _CHUNKED),
    ("coding twice, first identity", _coding(b"identity") + _CHUNKED),
    ("coding twice, last identity", _CHUNKED + _coding(b"identity")),
    ("coding twice, last unknown", _CHUNKED + _coding(b"cow")),
    ("coding twice, first unknown", _coding(b"cow") + _CHUNKED),
    ("coding twice, first empty", _coding(b"") + _CHUNKED),
    ("coding twice in other spellings", _CHUNKED + b"transfer-ENCODING: chunked\r\n"),
]

CASES: list[Case] = [
    *(refused(named("coding", v), infer(_coding(v), _BODY + HIDDEN)) for v in _OTHER_CODINGS),
    *(passed(named("coding", v), infer(_coding(v), _BODY), (INFER, b"abc")) for v in _PLAIN),
    *(refused(name, infer(fields, _BODY + HIDDEN)) for name, fields in _WITH_LENGTH),
    *(refused(name, infer(fields, _BODY + HIDDEN)) for name, fields in _TWICE),
    refused("coding folded", infer(b"Transfer-Encoding:\r\n chunked\r\n", _BODY)),
    refused("coding with a space before its colon", infer(b"Transfer-Encoding : chunked\r\n")),
    refused("coding with HTTP/1.0", infer(_CHUNKED, _BODY, b"HTTP/1.0")),
    refused("coding and length with HTTP/1.0", infer(_CHUNKED + _LENGTH, _BODY, b"HTTP/1.0")),
    refused(
        "coding with HTTP/1.0 kept alive",
        infer(_CHUNKED + b"Connection: keep-alive\r\n", _BODY, b"HTTP/1.0"),
    ),
    # Another field altogether, which is not passed on.
    passed(
        "coding with an underscore",
        infer(b"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n", b"abc"),
        (INFER, b"abc"),
    ),
]
