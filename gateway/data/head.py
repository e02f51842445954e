"""The head of a request: checked for every framing that two parsers could read differently."""

import re

import msgspec

from gateway.data.fields import Fields, check_size, given_twice, read_fields
from gateway.data.trace import is_traceparent
from gateway.errors import Header, HeadersTooLarge, MalformedRequest, UriTooLong

MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
MAX_TARGET_BYTES = 8 * 1024
# Twenty thousand connections may remember one each.
REMEMBERED_BYTES = 2048

# These differ from request to request, so they are read each time.
_VARYING = frozenset(
    {b"authorization", b"content-length", b"traceparent", b"x-api-key", b"x-request-id"}
)
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([/?].*)?", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the gateway needs to know of a request before its body."""

    method: bytes
    target: bytes
    keep_alive: bool
    is_http_1_0: bool
    token: bytes
    # Empty: the client gave none that can be accepted.
    request_id: bytes
    # Declared size of the body; None: chunked, its size shows only when it is read.
    body_bytes: int | None
    expects_continue: bool
    # Size of the JSON that stands before binary tensors; None: the client says of none.
    json_bytes: int | None
    # Content-Encoding of the body, empty for none.
    coding: bytes
    # Empty: the client gave none that can go on.
    traceparent: bytes
    # Lines of the request to Triton that come of this one's fields.
    forwarded: bytes


class HeadReader:
    """Reads the heads of one connection and remembers what does not vary in them."""

    __slots__ = ("_fields", "_head", "_headers", "_read")

    def __init__(self) -> None:
        # The fields that do not vary, and what they were read from.
        self._headers: list[Header] = []
        self._fields: Fields | None = None
        # The last head, and what it was read from: many clients just repeat it.
        self._read: tuple[object, ...] = ()
        self._head: Head | None = None

    def read(
        self, method: bytes, target: bytes, headers: list[Header], version: str, *, keep_alive: bool
    ) -> Head:
        """Check the parsed parts of a head; raises the error that answers a bad one."""
        read = (method, target, headers, version, keep_alive)
        if self._head is None or read != self._read:
            self._read, self._head = (), None
            return self._read_anew(read, method, target, headers, version, keep_alive=keep_alive)
        return self._head

    def _read_anew(
        self,
        read: tuple[object, ...],
        method: bytes,
        target: bytes,
        headers: list[Header],
        version: str,
        *,
        keep_alive: bool,
    ) -> Head:
        _check_line(target, version)
        if len(headers) > MAX_HEADERS:
            raise HeadersTooLarge(f"The request has {len(headers)} fields; at most {MAX_HEADERS}.")
        varying, others = _split(headers)
        fields = self._fields
        if fields is None or others != self._headers:
            fields = self._read_fields(others)
        is_http_1_0 = version == "1.0"
        if fields.host is None and not is_http_1_0:
            raise MalformedRequest("The Host field is missing; HTTP/1.1 requires it.")
        if target[:1] not in (b"/", b"*"):
            target = _origin_form(target, fields.host or b"")
        body_bytes = _body_bytes(fields, varying.get(b"content-length"), is_http_1_0)
        if body_bytes != 0 and method != b"POST":
            raise MalformedRequest("Only a POST may have a body; send it without one.")
        traceparent = varying.get(b"traceparent", b"")
        if traceparent and not is_traceparent(traceparent):
            traceparent = b""
        head = Head(
            method,
            target,
            # An HTTP/1.0 client may not know that an answer ends before the connection does.
            keep_alive and not is_http_1_0,
            is_http_1_0,
            _token(varying),
            _request_id(varying.get(b"x-request-id", b"")),
            body_bytes,
            fields.expects_continue and not is_http_1_0,
            fields.json_bytes,
            fields.coding,
            traceparent,
            # The state belongs to the trace.
            fields.forwarded + fields.tracestate if traceparent else fields.forwarded,
        )
        varying_bytes = len(target) + sum(map(len, varying.values()))
        if fields is self._fields and varying_bytes <= REMEMBERED_BYTES:
            self._read, self._head = read, head
        return head

    def _read_fields(self, headers: list[Header]) -> Fields:
        fields = read_fields(headers)
        if head_size_bytes(b"", headers) <= REMEMBERED_BYTES:
            self._headers, self._fields = headers, fields
        return fields


def head_size_bytes(target: bytes, headers: list[Header]) -> int:
    """Size of a head as it was on the wire, near enough to hold against a limit."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def _check_line(target: bytes, version: str) -> None:
    if len(target) > MAX_TARGET_BYTES:
        raise UriTooLong(f"The request target has {len(target)} bytes; at most {MAX_TARGET_BYTES}.")
    if b"#" in target:
        raise MalformedRequest("The request target has a fragment; leave out '#' and what follows.")
    if version not in ("1.1", "1.0"):
        raise MalformedRequest(f"HTTP/{version} is not served; use HTTP/1.1.")


def _split(headers: list[Header]) -> tuple[dict[bytes, bytes], list[Header]]:
    varying: dict[bytes, bytes] = {}
    others: list[Header] = []
    for header in headers:
        field = header[0].lower()
        if field not in _VARYING:
            others.append(header)
        elif field in varying:
            raise given_twice(field)
        else:
            check_size(header[1])
            varying[field] = header[1].strip(b" \t")
    return varying, others


def _origin_form(target: bytes, host: bytes) -> bytes:
    """The path of `http://host/path`, which RFC 9112, 3.2.2 has every server accept."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        return target
    if match[1].lower() != host.lower():
        raise MalformedRequest("The target and the Host field name different hosts; name one.")
    return match[2] or b"/"


def _body_bytes(fields: Fields, length: bytes | None, is_http_1_0: bool) -> int | None:
    if not fields.is_chunked:
        if length is None:
            return 0
        # isdigit() knows ASCII digits only in bytes: no sign, no underscore, no list.
        if not (length.isdigit() and len(length) <= 18):
            raise MalformedRequest("Content-Length is not a number; send the body's size in bytes.")
        return int(length)
    if length is not None:
        raise MalformedRequest(
            "Content-Length and Transfer-Encoding exclude one another; send one."
        )
    if is_http_1_0:
        raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding; send a Content-Length.")
    return None


def _token(varying: dict[bytes, bytes]) -> bytes:
    scheme, _, credentials = varying.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip(b" ")
    return varying.get(b"x-api-key", b"")


def _request_id(given: bytes) -> bytes:
    return given if given and _REQUEST_ID.fullmatch(given) else b""
