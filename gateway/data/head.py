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

# These differ from request to request, so they are read each time. As they are mostly spelt;
# another spelling is found out later, where what does not vary is read.
_VARYING_FIELDS = (
    b"Authorization",
    b"Content-Length",
    b"Traceparent",
    b"X-Api-Key",
    b"X-API-Key",
    b"X-Request-Id",
    b"X-Request-ID",
)
VARYING = {name: name.lower() for name in _VARYING_FIELDS}
VARYING |= {field: field for field in VARYING.values()}
_BEARER = b"Bearer "
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
    # How long the client waits; None: as long as the gateway does.
    timeout_s: float | None = None


class HeadReader:
    """Reads the heads of one connection and remembers what does not vary in them."""

    __slots__ = ("_fields", "_head", "_headers", "_line", "_target", "_varying")

    def __init__(self) -> None:
        # The fields that do not vary, and what they were read from.
        self._headers: list[Header] = []
        self._fields: Fields | None = None
        # The last head, and what it was read from: many clients just repeat it.
        self._line: tuple[object, ...] = ()
        self._target = b""
        self._varying: list[Header] = []
        self._head: Head | None = None

    def read(
        self,
        method: bytes,
        target: bytes,
        varying: list[Header],
        headers: list[Header],
        version: str,
        *,
        keep_alive: bool,
    ) -> Head:
        """Check the parsed parts of a head; raises the error that answers a bad one.

        `varying` are the fields that were found in VARYING, under their names there.
        """
        fields = self._fields
        if fields is None or headers != self._headers:
            fields, varying = self._read_fields(varying, headers)
        line = (method, version, keep_alive)
        head = self._head
        if head is not None and line == self._line:
            if target == self._target and varying == self._varying:
                return head
            # Mostly it is another model, or another key.
            again = self._differing(head, target, varying)
            if again is not None:
                return again
        self._head = None
        _check_line(target, version)
        head = _assemble(method, target, version, keep_alive, varying, fields)
        if fields is self._fields and _size_bytes(target, varying) <= REMEMBERED_BYTES:
            self._line, self._target, self._varying = line, target, varying
            self._head = head
        return head

    def _differing(self, head: Head, target: bytes, varying: list[Header]) -> Head | None:
        """The last head with this target and this key; None if more is different."""
        if target[:1] != b"/" or b"#" in target or len(target) > MAX_TARGET_BYTES:
            return None
        if varying == self._varying:
            return msgspec.structs.replace(head, target=target)
        if len(varying) != len(self._varying):
            return None
        token = head.token
        for given, before in zip(varying, self._varying, strict=True):
            if given == before:
                continue
            field, value = given
            if field != b"authorization" or field != before[0] or not value.startswith(_BEARER):
                return None
            token = _checked(value[len(_BEARER) :].strip(b" \t"))
        return msgspec.structs.replace(head, target=target, token=token)

    def _read_fields(
        self, varying: list[Header], headers: list[Header]
    ) -> tuple[Fields, list[Header]]:
        self._fields = self._head = None
        count = len(varying) + len(headers)
        if count > MAX_HEADERS:
            raise HeadersTooLarge(f"The request has {count} fields; at most {MAX_HEADERS}.")
        found, others = _respelt(headers)
        fields = read_fields(others)
        if not found and head_size_bytes(b"", headers) <= REMEMBERED_BYTES:
            self._headers, self._fields = headers, fields
        return fields, varying + found


def _assemble(
    method: bytes,
    target: bytes,
    version: str,
    keep_alive: bool,
    given: list[Header],
    fields: Fields,
) -> Head:
    varying = dict(given)
    if len(varying) != len(given):
        raise _given_twice(given)
    is_http_1_0 = version == "1.0"
    if fields.host is None and not is_http_1_0:
        raise MalformedRequest("The Host field is missing; HTTP/1.1 requires it.")
    if target[:1] not in (b"/", b"*"):
        target = _origin_form(target, fields.host or b"")
    body_bytes = _body_bytes(fields, varying.get(b"content-length"), is_http_1_0)
    if body_bytes != 0 and method != b"POST":
        raise MalformedRequest("Only a POST may have a body; send it without one.")
    traceparent = varying.get(b"traceparent", b"").strip(b" \t")
    if traceparent and not is_traceparent(traceparent):
        traceparent = b""
    return Head(
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
        fields.timeout_s,
    )


def _respelt(headers: list[Header]) -> tuple[list[Header], list[Header]]:
    """Fields that vary, in a spelling that was not foreseen, and the others."""
    found = [(name.lower(), value) for name, value in headers if name.lower() in VARYING]
    if not found:
        return [], headers
    return found, [header for header in headers if header[0].lower() not in VARYING]


def _given_twice(given: list[Header]) -> MalformedRequest:
    names = [name for name, _ in given]
    return given_twice(next(name for name in names if names.count(name) > 1))


def _size_bytes(target: bytes, varying: list[Header]) -> int:
    size_bytes = len(target)
    for _, value in varying:
        size_bytes += len(value)
    return size_bytes


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
        length = length.strip(b" \t")
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
    given = varying.get(b"authorization")
    if given is not None:
        scheme, _, credentials = given.strip(b" \t").partition(b" ")
        if scheme == b"Bearer" or scheme.lower() == b"bearer":
            return _checked(credentials.strip(b" "))
    return _checked(varying.get(b"x-api-key", b"").strip(b" \t"))


def _checked(token: bytes) -> bytes:
    check_size(token)
    return token


def _request_id(given: bytes) -> bytes:
    given = given.strip(b" \t")
    return given if given and _REQUEST_ID.fullmatch(given) else b""
