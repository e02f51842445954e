"""First lines: methods, versions, spaces, other protocols."""

from tests.gateway.abuse.case import (
    HIDDEN,
    LIVE,
    Case,
    denied,
    infer,
    line,
    live,
    named,
    passed,
    refused,
)

_BAD_METHODS = [
    b"get", b"Get", b"GeT", b"post", b"G", b"GE", b"GETT", b"GET\x00", b"G\x00ET", b"GET\x01",
    b"GET,", b"G=T", b'"GET"', b"\xc7ET", b"A" * 9000, b"-", b"$KEY", b"PRI", b"GET:", b"HTTP/1.1",
    b"{}",
]  # fmt: skip
# Known to the parser and to nobody here; TRACE would give a client's own secrets back.
_OTHER_METHODS = [
    b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PURGE", b"PROPFIND",
    b"LOCK", b"MKCOL", b"COPY", b"M-SEARCH", b"BIND", b"LINK", b"REPORT", b"QUERY", b"SUBSCRIBE",
]  # fmt: skip
_BAD_VERSIONS = [
    b"", b" ", b" HTTP", b" HTTP/", b" HTTP/1", b" HTTP/1.", b" HTTP/.1", b" HTTP/1.2",
    b" HTTP/1.9", b" HTTP/0.9", b" HTTP/0.0", b" HTTP/2", b" HTTP/2.0", b" HTTP/3.0", b" HTTP/9.9",
    b" HTTP/11", b" HTTP/1.10", b" HTTP/1.01", b" HTTP/01.1", b" HTTP/1,1", b" HTTP/1.1 ",
    b" HTTP/1.1\t", b" HTTP/1.1 junk", b" HTTP/1.1 HTTP/1.1", b" HTTP/1.1\x00", b" HTTP/1.1\x0b",
    b" http/1.1", b" Http/1.1", b" HTTP /1.1", b" HTTP/ 1.1", b" HTTP/1 .1", b" HTTP/-1.1",
    b" HTTP/+1.1", b" HTTP/1.x", b" HTTP\\1.1", b" HTTPS/1.1", b" XTTP/1.1", b" SIP/2.0",
    b" HTTP/1.1\r", b" FTP/1.0",
]  # fmt: skip
_OTHER_PROTOCOLS = [
    b"GET /v2/health/live RTSP/1.0", b"OPTIONS /v2/health/live RTSP/1.0", b"DESCRIBE /v2 RTSP/1.0",
    b"SETUP /v2 RTSP/1.0", b"PLAY /v2 RTSP/1.0", b"SOURCE /v2/health/live ICE/1.0",
    b"GET /v2/health/live ICE/1.0", b"PRI * HTTP/2.0",
]  # fmt: skip
_BAD_BEGINNINGS = [
    b" ", b"\t", b"\x00", b"\x0b", b"\r\n ", b"junk\r\n", b"0\r\n\r\n", b"\xef\xbb\xbf",
    b": x\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n\x00", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"\r\n\r\n\x00\r\nQUIT\n",
]  # fmt: skip
_BAD_SPACES = [
    b"GET\t/v2/health/live HTTP/1.1", b"GET /v2/health/live\tHTTP/1.1",
    b"GET\x0b/v2/health/live HTTP/1.1", b"GET\x00/v2/health/live HTTP/1.1",
    b"GET /v2/health/live\x0bHTTP/1.1", b"GET\r/v2/health/live HTTP/1.1",
    b"GET\n/v2/health/live HTTP/1.1", b"GET /v2/health/live\rHTTP/1.1",
    b"GET /v2/health/ live HTTP/1.1", b"GET /v2/health/live x HTTP/1.1",
    b"GET/v2/health/live HTTP/1.1", b"GET /v2/health/liveHTTP/1.1", b"GET HTTP/1.1",
    b"GET  HTTP/1.1", b"GET", b"/v2/health/live HTTP/1.1", b"GET\xa0/v2 HTTP/1.1",
]  # fmt: skip
_TLS_HELLO = bytes.fromhex("16030100f8010000f40303") + bytes(range(200))

CASES: list[Case] = [
    *(refused(named("method", v), line(v + b" /v2/health/live HTTP/1.1")) for v in _BAD_METHODS),
    *(
        Case(
            name=named("method", v),
            data=line(v + b" /v2/health/live HTTP/1.1"),
            answers=(405,),
            is_kept=True,
            is_head=v == b"HEAD",
        )
        for v in _OTHER_METHODS
    ),
    *(refused(named("version", v), line(LIVE + v)) for v in _BAD_VERSIONS),
    *(refused(named("protocol", v), line(v)) for v in _OTHER_PROTOCOLS),
    *(refused(named("before", v), v + live()) for v in _BAD_BEGINNINGS),
    *(refused(named("spaces", v), line(v)) for v in _BAD_SPACES),
    refused("CONNECT", line(b"CONNECT gateway:443 HTTP/1.1")),
    refused("CONNECT to a path", line(b"CONNECT /v2/health/live HTTP/1.1")),
    refused("CONNECT elsewhere", line(b"CONNECT 169.254.169.254:80 HTTP/1.1") + HIDDEN),
    refused("the whole preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)),
    refused("TLS", _TLS_HELLO + b"\r\n\r\n"),
    refused(
        "TRACE with a body", line(b"TRACE / HTTP/1.1", b"Host: a\r\nContent-Length: 3\r\n") + b"abc"
    ),
    refused(
        "HEAD with a body", line(b"HEAD /v2 HTTP/1.1", b"Host: a\r\nContent-Length: 3\r\n") + b"abc"
    ),
    refused(
        "DELETE with a body",
        line(b"DELETE /v2 HTTP/1.1", b"Host: a\r\nContent-Length: 3\r\n") + b"abc",
    ),
    refused("bare LF after the line", LIVE + b" HTTP/1.1\nHost: gateway\r\n\r\n"),
    refused("bare CR after the line", LIVE + b" HTTP/1.1\rHost: gateway\r\n\r\n"),
    refused("HTTP/0.9", LIVE + b"\r\n\r\n"),
    # HTTP/1.0 needs no Host, and its connection is closed after one answer.
    Case(
        name="HTTP/1.0",
        data=LIVE + b" HTTP/1.0\r\n\r\n",
        answers=(200,),
        is_kept=False,
        asked=((LIVE, b""),),
    ),
    Case(
        name="HTTP/1.0 kept alive",
        data=LIVE + b" HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        answers=(200,),
        is_kept=False,
        asked=((LIVE, b""),),
    ),
    # Its length says where the body ends; without one it has none.
    Case(
        name="HTTP/1.0 with a body",
        data=infer(b"Content-Length: 3\r\n", b"abc", b"HTTP/1.0"),
        answers=(200,),
        is_kept=False,
        asked=((b"POST /v2/models/echo/infer", b"abc"),),
    ),
    # RFC 9112, 2.2 has empty lines before a request ignored, and 3 lets a line be split at any run
    # of spaces. Nothing of either reaches Triton, whose request is written anew.
    passed("empty lines before", b"\r\n\r\n" + live(), (LIVE, b"")),
    passed("bare line ends before", b"\n\r\n\r" + live(), (LIVE, b"")),
    passed("two spaces", line(b"GET  /v2/health/live HTTP/1.1"), (LIVE, b"")),
    passed("two spaces before the version", line(LIVE + b"  HTTP/1.1"), (LIVE, b"")),
    denied("OPTIONS *", line(b"OPTIONS * HTTP/1.1"), 404),
    denied("GET *", line(b"GET * HTTP/1.1"), 404),
]
