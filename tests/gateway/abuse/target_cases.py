"""Request targets: other forms, escapes, dots, queries, fragments, names that are none."""

from tests.gateway.abuse.case import KEY, LIVE, Case, denied, line, named, passed, refused

_UNKNOWN = [
    b"/", b"//", b"/v2/", b"//v2/health/live", b"/v2//health/live", b"/v2/health//live",
    b"/v2/health/live/", b"/v2/health/live//", b"/v2/./health/live", b"/v2/../v2/health/live",
    b"/../v2/health/live", b"/v2/health/live/..", b"/v2/health/live/.", b"/v2/health/x/../live",
    b"/v2/health/%6cive", b"/v2/health/live%00", b"/v2/health/live%20", b"/v2/health/live%0d%0a",
    b"/v2/health/live%2f", b"/v2%2fhealth%2flive", b"/%76%32/health/live", b"/v2/health/%2e/live",
    b"/v2/%2e%2e/v2/health/live", b"/v2/health/live;", b"/v2/health/live;a=b", b"/v2;/health/live",
    b"/v2/health;x/live", b"/v2\\health\\live", b"/v2/health\\live", b"/V2/health/live",
    b"/v2/health/LIVE", b"/v2/Health/live", b"/v2/health/live~", b"/v2/health/", b"/v2/health",
    b"/v2/health/live&a=b", b"/v2/health/live+", b"/v2/health/live*", b"/v3", b"/v1/health/live",
    b"/metrics", b"/admin", b"/docs", b"/.env", b"/.git/config", b"/server-status",
    b"/api/v2/health/live", b"/v2/models/", b"/v2/models//ready", b"/v2/models/./ready",
    b"/v2/models/../ready", b"/v2/models/.../ready", b"/v2/models/ech%6f/ready",
    b"/v2/models/echo%2fready", b"/v2/models/echo%00/ready", b"/v2/models/echo;x/ready",
    b"/v2/models/echo\\ready", b"/v2/models/echo/../other/ready", b"/v2/models/echo/./ready",
    b"/v2/models/echo//ready", b"/v2/models/echo/ready/",
    b"/v2/models/a b/ready".replace(b" ", b"%20"), b"/v2/models/a:b/ready",
    b"/v2/models/a@b/ready", b"/v2/models/a*b/ready", b"/v2/models/a'b/ready",
    b"/v2/models/a(b/ready", b"/v2/models/" + b"a" * 129 + b"/ready",
    b"/v2/models/echo/versions/ready", b"/v2/models/echo/versions//ready",
    b"/v2/models/echo/versions/-1/ready", b"/v2/models/echo/versions/+1/ready",
    b"/v2/models/echo/versions/1.0/ready", b"/v2/models/echo/versions/x/ready",
    b"/v2/models/echo/versions/1x/ready", b"/v2/models/echo/versions/" + b"1" * 19 + b"/ready",
    b"/v2/models/echo/versions/1/ready/x", b"/v2/models/echo/READY", b"/v2/models/echo/unload",
    b"/v2/models/echo/infer/x",
]  # fmt: skip
_BAD_BYTES = [
    b"/v2/health/live?\xff", b"/v2/health/live?\x7f", b"/v2/health/live?\x01",
    b"/v2/health/live\x00", b"/v2/health/live\xc3\xa9", b"/v2/health/\xef\xbc\x8e/live",
    b"/v2/health/live\x7f", b"/v2/health/live\x0b", b"/\x00v2/health/live",
    b"/v2/health/live?a=\x00", b"/\xff", b"/v2\x80",
]  # fmt: skip
_NO_TARGETS = [
    b"\\v2\\health\\live",
    b"v2/health/live",
    b"?",
    b"#",
    b"\x00",
    b".",
    b"%2fv2",
    b"gateway:80",
    b"@",
    b";",
]
# Triton reads no query on these paths, so none is passed on.
_QUERIES = [
    b"?", b"?a", b"?a=b", b"?a=b&c=d", b"?/../x", b"?%0d%0aX:y", b"??", b"?a;b", b"?%00",
    b"?a=b?c", b"?http://x/", b"?" + b"a" * 4000,
]  # fmt: skip
_FRAGMENTS = [b"#", b"#a", b"?a#b", b"?#"]
# RFC 9112, 3.2.2: a server takes them; one that names another host than Host is refused, as who
# stands before us may have routed by the other.
_ABSOLUTE_ELSEWHERE = [
    b"http://other/v2/health/live", b"http://gateway.other/v2/health/live", b"http://u@gateway/v2",
    b"http://gateway@other/v2/health/live", b"http://gateway:81/v2/health/live",
    b"http://169.254.169.254/latest/meta-data", b"http://127.0.0.1:8000/v2/health/live",
]  # fmt: skip
_ABSOLUTE_ODD = [
    b"ftp://gateway/v2",
    b"file:///etc/passwd",
    b"gopher://gateway/v2",
    b"ws://gateway/v2",
]
_NO_BODY = b"Content-Length: 0\r\n"


def _get(target: bytes) -> bytes:
    return line(b"GET " + target + b" HTTP/1.1")


def _post(target: bytes) -> bytes:
    fields = b"Host: gateway\r\nX-API-Key: " + KEY + b"\r\nContent-Length: 0\r\n"
    return line(b"POST " + target + b" HTTP/1.1", fields)


CASES: list[Case] = [
    *(denied(named("target", v), _get(v), 404) for v in _UNKNOWN),
    *(refused(named("target", v), _get(v)) for v in _BAD_BYTES),
    *(refused(named("target", v), _get(v)) for v in _NO_TARGETS),
    *(refused(named("target", LIVE[4:] + v), _get(LIVE[4:] + v)) for v in _FRAGMENTS),
    *(passed(named("query", v), _get(LIVE[4:] + v), (LIVE, b"")) for v in _QUERIES),
    *(refused(named("absolute", v), _get(v)) for v in _ABSOLUTE_ELSEWHERE),
    *(denied(named("absolute", v), _get(v), 404) for v in _ABSOLUTE_ODD),
    passed("absolute form", _get(b"http://gateway/v2/health/live"), (LIVE, b"")),
    passed("absolute form in capitals", _get(b"HTTP://GATEWAY/v2/health/live?a"), (LIVE, b"")),
    denied("absolute form without a path", _get(b"http://gateway"), 404),
    denied("absolute form of an unknown path", _get(b"http://gateway/metrics"), 404),
    denied("load with a path in its name", _post(b"/v2/repository/models/..%2f..%2fx/load"), 404),
    denied("load of a parent directory", _post(b"/v2/repository/models/../load"), 404),
    denied("load of two names", _post(b"/v2/repository/models/a/b/load"), 404),
    denied("shared memory", _post(b"/v2/systemsharedmemory/region/x/register"), 403),
    denied("all shared memory", _post(b"/v2/cudasharedmemory/unregister"), 403),
    denied("shared memory without a key", _get(b"/v2/cudasharedmemory/status"), 403),
    denied("an inference with dots", _post(b"/v2/models/../models/echo/infer"), 404),
    denied("an inference with an escape", _post(b"/v2/models/%65cho/infer"), 404),
    denied("an inference of no model", _post(b"/v2/models//infer"), 404),
]
