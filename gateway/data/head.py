"""The head of a request: checked for every framing that two parsers could read differently."""

import re
from dataclasses import dataclass

from gateway.data.trace import is_traceparent
from gateway.errors import Header, HeadersTooLarge, MalformedRequest, UriTooLong

MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
MAX_FIELD_BYTES = 16 * 1024
MAX_TARGET_BYTES = 8 * 1024

# What Triton reads, and nothing else, goes upstream: no hop-by-hop field, no credential and
# nothing that a header forward pattern of Triton would turn into a parameter gets through.
FORWARDED = {
    name.lower().encode(): name.encode()
    for name in (
        "Accept",
        "Accept-Encoding",
        "Content-Encoding",
        "Content-Type",
        "Endpoint-Load-Metrics-Format",
        "Inference-Header-Content-Length",
        "Tracestate",
    )
}
_LISTS = frozenset({b"Accept", b"Accept-Encoding", b"Tracestate"})
_SINGLE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"expect",
        b"host",
        b"traceparent",
        b"transfer-encoding",
        b"x-api-key",
        b"x-request-id",
    }
)
# uri-host of RFC 3986, with a port; what else it allows no name of a gateway has.
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([/?].*)?", re.IGNORECASE)
_USUAL_CONNECTION = frozenset({b"", b"keep-alive", b"close"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class Head:
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


def read_head(
    method: bytes, target: bytes, headers: list[Header], *, version: str, keep_alive: bool
) -> Head:
    """Check the parsed parts of a head and sort them; raises the error that answers a bad one."""
    if len(target) > MAX_TARGET_BYTES:
        raise UriTooLong(f"The request target has {len(target)} bytes; at most {MAX_TARGET_BYTES}.")
    if len(headers) > MAX_HEADERS:
        raise HeadersTooLarge(f"The request has {len(headers)} fields; at most {MAX_HEADERS}.")
    if b"#" in target:
        raise MalformedRequest("The request target has a fragment; leave out '#' and what follows.")
    if version not in ("1.1", "1.0"):
        raise MalformedRequest(f"HTTP/{version} is not served; use HTTP/1.1.")
    single, forwarded = _sort_fields(headers)
    is_http_1_0 = version == "1.0"
    _check_host(single.get(b"host"), is_http_1_0)
    if target[:1] not in (b"/", b"*"):
        target = _origin_form(target, single.get(b"host", b""))
    traceparent = single.get(b"traceparent", b"")
    if not is_traceparent(traceparent):
        traceparent = b""
        # It belongs to the trace that does not go on.
        forwarded.pop(b"Tracestate", None)
    body_bytes = _body_bytes(single, is_http_1_0)
    if body_bytes != 0 and method != b"POST":
        raise MalformedRequest("Only a POST may have a body; send it without one.")
    return Head(
        method=method,
        target=target,
        # An HTTP/1.0 client may not know that an answer ends before the connection does.
        keep_alive=keep_alive and not is_http_1_0,
        is_http_1_0=is_http_1_0,
        token=_token(single),
        request_id=_request_id(single),
        body_bytes=body_bytes,
        expects_continue=_expects_continue(single, is_http_1_0),
        json_bytes=_json_bytes(forwarded),
        coding=forwarded.get(b"Content-Encoding", b"").lower(),
        traceparent=traceparent,
        forwarded=b"".join(b"%b: %b\r\n" % field for field in forwarded.items()),
    )


def head_size_bytes(target: bytes, headers: list[Header]) -> int:
    """Size of a head as it was on the wire, near enough to hold against a limit."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def _sort_fields(headers: list[Header]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    single: dict[bytes, bytes] = {}
    forwarded: dict[bytes, bytes] = {}
    for name, value in headers:
        if len(value) > MAX_FIELD_BYTES:
            raise HeadersTooLarge(f"A field has {len(value)} bytes; at most {MAX_FIELD_BYTES}.")
        field = name.lower()
        if field in FORWARDED:
            _add_forwarded(forwarded, FORWARDED[field], value.strip(b" \t"))
        elif field in _SINGLE:
            if field in single:
                raise MalformedRequest(f"The field {field.decode()} is given twice; once only.")
            single[field] = value.strip(b" \t")
        elif field == b"connection":
            _check_connection(value)
    return single, forwarded


def _add_forwarded(forwarded: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    if name not in forwarded:
        forwarded[name] = value
    elif name in _LISTS:
        forwarded[name] += b", " + value
    else:
        raise MalformedRequest(f"The field {name.decode()} is given twice; once only.")


def _check_connection(value: bytes) -> None:
    """A client must not have the gateway delete a field that decides what the request means."""
    for option in value.lower().split(b","):
        option = option.strip(b" \t")
        if option not in _USUAL_CONNECTION and (option in FORWARDED or option in _SINGLE):
            raise MalformedRequest(
                f"The Connection field names {option.decode()}, which is not for this hop only."
            )


def _check_host(host: bytes | None, is_http_1_0: bool) -> None:
    if host is None and not is_http_1_0:
        raise MalformedRequest("The Host field is missing; HTTP/1.1 requires it.")
    if host is not None and not _HOST.fullmatch(host):
        raise MalformedRequest("The Host field is no name with a port; send one as gateway:8080.")


def _origin_form(target: bytes, host: bytes) -> bytes:
    """The path of `http://host/path`, which RFC 9112, 3.2.2 has every server accept."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        return target
    if match[1].lower() != host.lower():
        raise MalformedRequest("The target and the Host field name different hosts; name one.")
    return match[2] or b"/"


def _json_bytes(forwarded: dict[bytes, bytes]) -> int | None:
    given = forwarded.get(b"Inference-Header-Content-Length")
    if given is None:
        return None
    if not (given.isdigit() and len(given) <= 10):
        raise MalformedRequest(
            "Inference-Header-Content-Length is not a number; send the size of the JSON in bytes."
        )
    return int(given)


def _body_bytes(single: dict[bytes, bytes], is_http_1_0: bool) -> int | None:
    coding = single.get(b"transfer-encoding")
    length = single.get(b"content-length")
    if coding is None:
        # isdigit() knows ASCII digits only in bytes: no sign, no underscore, no list.
        if length is not None and not (length.isdigit() and len(length) <= 18):
            raise MalformedRequest("Content-Length is not a number; send the body's size in bytes.")
        return int(length or b"0")
    if length is not None:
        raise MalformedRequest(
            "Content-Length and Transfer-Encoding exclude one another; send one."
        )
    if is_http_1_0:
        raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding; send a Content-Length.")
    if coding.lower() != b"chunked":
        raise MalformedRequest("Transfer-Encoding other than chunked is not accepted.")
    return None


def _token(single: dict[bytes, bytes]) -> bytes:
    scheme, _, credentials = single.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip(b" ")
    return single.get(b"x-api-key", b"")


def _request_id(single: dict[bytes, bytes]) -> bytes:
    given = single.get(b"x-request-id", b"")
    return given if _REQUEST_ID.fullmatch(given) else b""


def _expects_continue(single: dict[bytes, bytes], is_http_1_0: bool) -> bool:
    expectation = single.get(b"expect")
    if expectation is None or is_http_1_0:
        return False
    if expectation.lower() != b"100-continue":
        raise MalformedRequest("The only expectation that can be met is 100-continue.")
    return True
