"""Answers as bytes: Triton's passed on, our own problems, and unknown models as Triton tells."""

from collections.abc import Iterable
from http import HTTPStatus

from gateway.data.routes import Route
from gateway.errors import Header, HttpError, problem_body, problem_headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
# RFC 9110, 7.6.1, and what the gateway writes itself.
_NOT_PASSED_ON = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        # What a gateway's clients would take for the gateway's own word.
        b"proxy-status",
        b"ratelimit",
        b"ratelimit-policy",
        b"server",
        b"set-cookie",
        b"strict-transport-security",
        b"www-authenticate",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-request-id",
    }
)
_CROSS_ORIGIN = b"access-control-"
_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}
_NO_BODY = frozenset({204, 304})


def answer_head(
    status: int,
    fields: bytes,
    request_id: bytes,
    *,
    length_bytes: int | None,
    chunked: bool,
    keep_alive: bool,
) -> bytes:
    """Head of an answer; `fields` are whole lines.

    With neither length nor chunks the body ends with the connection.
    """
    if chunked:
        framing = b"Transfer-Encoding: chunked\r\n"
    elif length_bytes is not None and status not in _NO_BODY:
        framing = b"Content-Length: %d\r\n" % length_bytes
    else:
        framing = b""
    return b"%b%b%bVia: 1.1 conch\r\nX-Request-Id: %b\r\n%b" % (
        _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status,
        fields,
        framing,
        request_id,
        b"\r\n" if keep_alive else b"Connection: close\r\n\r\n",
    )


def field_lines(headers: Iterable[Header]) -> bytes:
    """The fields as lines of a head."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def passed_on(headers: Iterable[Header]) -> bytes:
    """Lines of the fields of Triton's answer that are the client's, too."""
    dropped = _NOT_PASSED_ON
    nominated = [value for name, value in headers if name.lower() == b"connection"]
    if nominated:
        options = b",".join(nominated).lower().split(b",")
        dropped = dropped | {option.strip(b" \t") for option in options}
    return field_lines(
        (name, value)
        for name, value in headers
        if name.lower() not in dropped and not name.lower().startswith(_CROSS_ORIGIN)
    )


def problem_answer(
    error: HttpError, request_id: bytes, *, keep_alive: bool, with_body: bool = True
) -> bytes:
    """The whole answer to a request that the gateway refuses."""
    body = problem_body(error, request_id.decode())
    return _whole(
        error.status,
        problem_headers(error),
        body,
        request_id,
        keep_alive=keep_alive,
        with_body=with_body,
    )


def unknown_model_answer(route: Route, request_id: bytes, *, keep_alive: bool) -> tuple[int, bytes]:
    """Status and answer for a model that the caller may not know of, to the byte as Triton's.

    Measured on server 2.51; a test compares with a running one.
    """
    status, content_type, body = _UNKNOWN_MODEL[route.verb]
    headers = [(b"Content-Type", content_type)]
    text = body.replace("MODEL", route.model).encode()
    return status, _whole(status, headers, text, request_id, keep_alive=keep_alive, with_body=True)


_NOT_FOUND = '{"error":"Request for unknown model: \'MODEL\' is not found"}'
_UNKNOWN_MODEL = {
    "": (404, b"application/json", _NOT_FOUND),
    "config": (404, b"application/json", _NOT_FOUND),
    "infer": (404, b"text/plain", _NOT_FOUND),
    "generate": (404, b"application/json", _NOT_FOUND),
    "generate_stream": (404, b"application/json", _NOT_FOUND),
    "ready": (400, b"text/plain", '{"error":"Model version not ready"}'),
    "stats": (400, b"application/json", '{"error":"requested model \'MODEL\' is not available"}'),
}


def _whole(
    status: int,
    headers: Iterable[Header],
    body: bytes,
    request_id: bytes,
    *,
    keep_alive: bool,
    with_body: bool,
) -> bytes:
    head = answer_head(
        status,
        field_lines(headers),
        request_id,
        length_bytes=len(body),
        chunked=False,
        keep_alive=keep_alive,
    )
    return head + body if with_body else head


def chunk(parts: list[bytes]) -> bytes:
    """One chunk of a chunked body; nothing for no bytes, as an empty chunk would end it."""
    data = b"".join(parts)
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
