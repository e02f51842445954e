"""The head of a request: checked for every framing that two parsers could read differently."""

import re

from gateway.data.fields import Fields, check_size, given_twice, read_fields
from gateway.data.trace import is_traceparent
from gateway.errors import Header, HeadersTooLarge, MalformedRequest, UriTooLong
from gateway.keys import TOKEN_LENGTH, hash_token

MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
MAX_TARGET_BYTES = 8 * 1024
# Twenty thousand connections may remember one each.
REMEMBERED_BYTES = 2048

# These differ from request to request, so they are read each time. As they are mostly spelt;
# another spelling is found out later, where what does not vary is read.
_VARYING_FIELDS = (
    b"Content-Length",
    b"Traceparent",
    b"X-Request-Id",
    b"X-Request-ID",
)
_CREDENTIAL_FIELDS = (b"Authorization", b"X-Api-Key", b"X-API-Key")


def _spellings(names: tuple[bytes, ...]) -> dict[bytes, bytes]:
    """Each name in lower case, by it and as it is written here."""
    return {name: name.lower() for name in names} | {name.lower(): name.lower() for name in names}


VARYING = _spellings(_VARYING_FIELDS)
CREDENTIALS = _spellings(_CREDENTIAL_FIELDS)
# Both, for one look.
SORTED = VARYING | CREDENTIALS
_BEARER = b"Bearer "
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([/?].*)?", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Head:
    """What the gateway needs to know of a request before its body, beside what it asks for and who
    asks: a connection that serves many keys and models sends the same head otherwise.

    Requests share it, so nothing of it is ever set again.
    """

    __slots__ = (
        "body_bytes",
        "coding",
        "expects_continue",
        "forwarded",
        "is_http_1_0",
        "json_bytes",
        "keep_alive",
        "method",
        "request_id",
        "timeout_s",
        "traceparent",
    )

    def __init__(
        self,
        method: bytes,
        keep_alive: bool,
        is_http_1_0: bool,
        request_id: bytes,
        body_bytes: int | None,
        expects_continue: bool,
        json_bytes: int | None,
        coding: bytes,
        traceparent: bytes,
        forwarded: bytes,
        timeout_s: float | None = None,
    ) -> None:
        self.method = method
        self.keep_alive = keep_alive
        self.is_http_1_0 = is_http_1_0
        # Empty: the client gave none that can be accepted.
        self.request_id = request_id
        # Declared size of the body; None: chunked, its size shows only when it is read.
        self.body_bytes = body_bytes
        self.expects_continue = expects_continue
        # Size of the JSON that stands before binary tensors; None: the client says of none.
        self.json_bytes = json_bytes
        # Content-Encoding of the body, empty for none.
        self.coding = coding
        # Empty: the client gave none that can go on.
        self.traceparent = traceparent
        # Lines of the request to Triton that come of this one's fields.
        self.forwarded = forwarded
        # How long the client waits; None: as long as the gateway does.
        self.timeout_s = timeout_s


class HeadReader:
    """Reads the heads of one connection and remembers what does not vary in them."""

    __slots__ = (
        "_fields",
        "_hashed",
        "_head",
        "_headers",
        "_line",
        "_target",
        "_varying",
        "token_hash",
    )

    def __init__(self) -> None:
        # The fields that do not vary, and what they were read from.
        self._headers: list[Header] = []
        self._fields: Fields | None = None
        # The last head, and what it was read from: many clients just repeat it.
        self._line: tuple[object, ...] = ()
        self._varying: list[Header] = []
        self._head: Head | None = None
        # The last target that is a path.
        self._target = b""
        # The last token that is longer than a key, with its SHA-256. No other is remembered: to
        # read it anew costs less than to fetch what was kept of it.
        self._hashed = b"", b""
        # SHA-256 of the token that was returned last, if that is longer than a key; else empty.
        self.token_hash = b""

    def read(
        self,
        method: bytes,
        target: bytes,
        credentials: list[Header],
        varying: list[Header],
        headers: list[Header],
        version: str,
        *,
        keep_alive: bool,
    ) -> tuple[Head, bytes, bytes]:
        """Head, path and token of a request; raises the error that answers a bad one.

        `credentials` and `varying` are the fields that were found in CREDENTIALS and VARYING, under
        their names there.
        """
        fields = self._fields
        if fields is None or headers != self._headers:
            fields, found = self._read_fields(len(credentials) + len(varying), headers)
            if found:
                credentials = credentials + [(n, v) for n, v in found if n in CREDENTIALS]
                varying = varying + [(n, v) for n, v in found if n in VARYING]
        line = (method, version, keep_alive)
        head = self._head
        if head is None or line != self._line or varying != self._varying:
            head = self._read_head(line, varying, fields)
        if target != self._target:
            target = self._read_target(target, fields)
        return head, target, self._read_token(credentials)

    def _read_fields(self, others: int, headers: list[Header]) -> tuple[Fields, list[Header]]:
        """What does not vary, and the fields among these that do."""
        self._fields = self._head = None
        count = others + len(headers)
        if count > MAX_HEADERS:
            raise HeadersTooLarge(f"The request has {count} fields; at most {MAX_HEADERS}.")
        found, rest = _respelt(headers)
        fields = read_fields(rest)
        if not found and head_size_bytes(b"", headers) <= REMEMBERED_BYTES:
            self._headers, self._fields = headers, fields
        return fields, found

    def _read_head(
        self, line: tuple[bytes, str, bool], varying: list[Header], fields: Fields
    ) -> Head:
        self._head = None
        head = _assemble(*line, varying, fields)
        size_bytes = sum(len(value) for _, value in varying)
        if fields is self._fields and size_bytes <= REMEMBERED_BYTES:
            self._line, self._varying, self._head = line, varying, head
        return head

    def _read_target(self, target: bytes, fields: Fields) -> bytes:
        if len(target) > MAX_TARGET_BYTES:
            raise UriTooLong(
                f"The request target has {len(target)} bytes; at most {MAX_TARGET_BYTES}."
            )
        if b"#" in target:
            raise MalformedRequest(
                "The request target has a fragment; leave out '#' and what follows."
            )
        if target[:1] not in (b"/", b"*"):
            return _origin_form(target, fields.host or b"")
        if len(target) <= REMEMBERED_BYTES:
            self._target = target
        return target

    def _read_token(self, credentials: list[Header]) -> bytes:
        token = _token(credentials)
        self.token_hash = self._hash(token) if len(token) > TOKEN_LENGTH else b""
        return token

    def _hash(self, token: bytes) -> bytes:
        known, token_hash = self._hashed
        if token != known:
            token_hash = hash_token(token)
            self._hashed = (token, token_hash) if len(token) <= REMEMBERED_BYTES else (b"", b"")
        return token_hash


def _assemble(
    method: bytes, version: str, keep_alive: bool, given: list[Header], fields: Fields
) -> Head:
    if version not in ("1.1", "1.0"):
        raise MalformedRequest(f"HTTP/{version} is not served; use HTTP/1.1.")
    varying = _once_each(given)
    is_http_1_0 = version == "1.0"
    if fields.host is None and not is_http_1_0:
        raise MalformedRequest("The Host field is missing; HTTP/1.1 requires it.")
    body_bytes = _body_bytes(fields, varying.get(b"content-length"), is_http_1_0)
    if body_bytes != 0 and method != b"POST":
        raise MalformedRequest("Only a POST may have a body; send it without one.")
    traceparent = varying.get(b"traceparent", b"").strip(b" \t")
    if traceparent and not is_traceparent(traceparent):
        traceparent = b""
    return Head(
        method,
        # An HTTP/1.0 client may not know that an answer ends before the connection does.
        keep_alive and not is_http_1_0,
        is_http_1_0,
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
    found: list[Header] = []
    others: list[Header] = []
    for header in headers:
        name = header[0].lower()
        if name in VARYING or name in CREDENTIALS:
            found.append((name, header[1]))
        else:
            others.append(header)
    return found, others


def _once_each(given: list[Header]) -> dict[bytes, bytes]:
    values = dict(given)
    if len(values) != len(given):
        names = [name for name, _ in given]
        raise given_twice(next(name for name in names if names.count(name) > 1))
    return values


def head_size_bytes(target: bytes, headers: list[Header]) -> int:
    """Size of a head as it was on the wire, near enough to hold against a limit."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


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


def _token(credentials: list[Header]) -> bytes:
    if len(credentials) == 1:
        name, value = credentials[0]
        # Mostly; and it costs half of the general way.
        if name == b"authorization" and value.startswith(_BEARER):
            return _checked(value[len(_BEARER) :].strip(b" \t"))
    values = _once_each(credentials)
    given = values.get(b"authorization")
    if given is not None:
        scheme, _, secret = given.strip(b" \t").partition(b" ")
        if scheme == b"Bearer" or scheme.lower() == b"bearer":
            return _checked(secret.strip(b" "))
    return _checked(values.get(b"x-api-key", b"").strip(b" \t"))


def _checked(token: bytes) -> bytes:
    check_size(token)
    return token


def _request_id(given: bytes) -> bytes:
    given = given.strip(b" \t")
    return given if given and _REQUEST_ID.fullmatch(given) else b""
