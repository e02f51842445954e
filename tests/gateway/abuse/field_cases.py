"""Fields: names, values, ends of lines, Host, Connection, Upgrade."""

from tests.gateway.abuse.case import (
    HIDDEN,
    INFER,
    LIVE,
    Case,
    infer,
    line,
    live,
    named,
    passed,
    refused,
)

_BAD_NAMES = [
    b"", b" X", b"\tX", b"X ", b"X\t", b"X Y", b"X\x00", b"\x00X", b"X\x01", b"X\x0b", b"X\x7f",
    b"X\xe9", b"\xef\xbb\xbfX", b"X(Y", b"X)", b"X,Y", b"X/Y", b"X;", b"X<", b"X=", b"X?", b"X@",
    b"X[", b"X\\", b"X]", b"X{", b"X}", b'"X"', b"X\rY", b"X\nY",
]  # fmt: skip
_BAD_VALUES = [
    b"a\x00b", b"\x00", b"a\x01b", b"a\x07b", b"a\x08b", b"a\x0bb", b"a\x0cb", b"a\x1bb",
    b"a\x1fb", b"a\x7fb", b"a\rb", b"a\nb", b"a\r", b"\ra", b"\n", b"a\n\nGET /v2 HTTP/1.1",
    b"a\r\r\nb: c", b"a\r\n folded", b"a\r\n\tfolded", b"\r\n folded",
]  # fmt: skip
# Bytes above 127 are obs-text (RFC 9110, 5.5): opaque data, and in fields that are not passed on.
_GOOD_VALUES = [b"", b"  ", b"\t", b"a\tb", b"a:b", b"\xff\xfe", b"\xc3\xa9", b'"a\\"', b"a" * 4000]
_ODD_LAYOUTS = [
    ("a line without a colon", b"Host: gateway\r\nX\r\n"),
    ("a space before the first field", b" Host: gateway\r\n"),
    ("a tab before the first field", b"\tHost: gateway\r\n"),
    ("a blank line of spaces", b"Host: gateway\r\n   \r\n"),
    ("bare LFs in a head", b"Host: gateway\n"),
    ("CR CR LF", b"Host: gateway\r\r\n"),
    ("LF CR", b"Host: gateway\n\r"),
]
# RFC 3986 lets a name hold `,` and `;` too; no host has them, and lists are made of them.
_BAD_HOSTS = [
    b"", b" ", b"a b", b"a,b", b"a/b", b"/", b"a?b", b"a#b", b"u@a", b"u:p@a", b"http://gateway",
    b"a;b", b'"a"', b"a\\b", b"<a>", b"a:b", b"a:80:80", b"a:-1", b"a:+1", b"a:999999", b":80",
    b"[::1", b"::1", b"[::1]x", b"a\xe9", b"a, b",
]  # fmt: skip
_GOOD_HOSTS = [
    b"a",
    b"a.b.",
    b"a:80",
    b"127.0.0.1:8080",
    b"[::1]",
    b"[::1]:8080",
    b"A_b-c.d",
    b" a ",
]
_SEVERAL_HOSTS = [
    ("no host", b""),
    ("two equal hosts", b"Host: a\r\nHost: a\r\n"),
    ("two hosts", b"Host: a\r\nHost: b\r\n"),
    ("two hosts in other spellings", b"Host: a\r\nhOST: b\r\n"),
    ("two hosts, the last empty", b"Host: a\r\nHost:\r\n"),
    ("host with a space before its colon", b"Host : a\r\n"),
    ("host folded", b"Host:\r\n a\r\n"),
    ("host behind a bare LF", b"X: y\nHost: a\r\n"),
]
# Fields that decide what a request means: no client may have them deleted.
_NOT_TO_NOMINATE = [
    b"Host", b"Content-Length", b"Transfer-Encoding", b"Content-Type", b"Content-Encoding",
    b"Inference-Header-Content-Length", b"Authorization", b"X-API-Key", b"Expect", b"Accept",
    b"close, Content-Type", b"content-type,close", b"keep-alive,\tCONTENT-TYPE",
    b",,content-length", b"accept-encoding",
]  # fmt: skip
# A hop may not want the first two; nothing of a request's meaning hangs on them.
_HARMLESS_OPTIONS = [
    b"X-Request-Id",
    b"Traceparent",
    b"",
    b"X-Private",
    b"x",
    b"TE",
    b"keep-alive",
    b"Keep-Alive, X",
    b",",
    b"upgrade",
]
_ONCE_ONLY = [
    b"Authorization: Bearer a", b"Content-Type: a", b"Content-Encoding: gzip",
    b"Expect: 100-continue", b"Inference-Header-Content-Length: 0", b"X-Request-Id: a",
    b"Traceparent: a",
]  # fmt: skip
_NO_BODY = b"Content-Length: 0\r\n"


def _hosted(host: bytes) -> bytes:
    return line(LIVE + b" HTTP/1.1", b"Host:" + host + b"\r\n")


CASES: list[Case] = [
    *(refused(named("name", v), live(v + b": a\r\n") + HIDDEN) for v in _BAD_NAMES),
    *(refused(named("value", v), live(b"X: " + v + b"\r\n") + HIDDEN) for v in _BAD_VALUES),
    *(passed(named("value", v), live(b"X: " + v + b"\r\n"), (LIVE, b"")) for v in _GOOD_VALUES),
    *(refused(name, line(LIVE + b" HTTP/1.1", fields)) for name, fields in _ODD_LAYOUTS),
    *(refused(named("host", v), _hosted(v)) for v in _BAD_HOSTS),
    *(passed(named("host", v), _hosted(v), (LIVE, b"")) for v in _GOOD_HOSTS),
    *(refused(name, line(LIVE + b" HTTP/1.1", fields)) for name, fields in _SEVERAL_HOSTS),
    *(
        refused(named("nominated", v), infer(b"Connection: " + v + b"\r\n" + _NO_BODY))
        for v in _NOT_TO_NOMINATE
    ),
    *(
        passed(named("option", v), live(b"Connection: " + v + b"\r\n"), (LIVE, b""))
        for v in _HARMLESS_OPTIONS
    ),
    *(refused(named("twice", v), infer((v + b"\r\n") * 2 + _NO_BODY)) for v in _ONCE_ONLY),
    refused("keys twice", infer(b"X-API-Key: other\r\n" + _NO_BODY)),
    # RFC 9110, 7.8 lets a server ignore an upgrade; Java's client asks for h2c by itself.
    passed(
        "h2c",
        live(
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        ),
        (LIVE, b""),
    ),
    passed("websocket", live(b"Connection: upgrade\r\nUpgrade: websocket\r\n"), (LIVE, b"")),
    passed(
        "several upgrades in a row",
        live(b"Connection: upgrade\r\nUpgrade: h2c\r\n") * 3,
        (LIVE, b""),
        (LIVE, b""),
        (LIVE, b""),
    ),
    Case(
        name="an upgrade that says close",
        data=live(b"Connection: close, upgrade\r\nUpgrade: h2c\r\n"),
        answers=(200,),
        is_kept=False,
        asked=((LIVE, b""),),
    ),
    # The parser would take the body for the other protocol.
    refused(
        "h2c with a body",
        infer(b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n", b"abc" + HIDDEN),
    ),
    # Not nominated for this hop, so it asks for nothing (RFC 9110, 7.8).
    passed("an upgrade that Connection does not name", live(b"Upgrade: h2c\r\n"), (LIVE, b"")),
    passed(
        "hop-by-hop fields",
        infer(b"Keep-Alive: 9\r\nTE: trailers\r\nTrailer: X\r\nProxy-Connection: x\r\n" + _NO_BODY),
        (INFER, b""),
    ),
    Case(
        name="close and keep-alive",
        data=live(b"Connection: keep-alive, close\r\n"),
        answers=(200,),
        is_kept=False,
        asked=((LIVE, b""),),
    ),
]
