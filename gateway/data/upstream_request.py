"""The head of the request that Triton gets: built anew from parsed parts, never copied."""

from gateway.data.fields import PLAIN
from gateway.data.head import Head
from gateway.data.routes import Route


def request_head(
    route: Route,
    authority: bytes,
    head: Head,
    request_id: bytes,
    traceparent: bytes,
    *,
    body_bytes: int | None,
) -> bytes:
    """Head of the request; `body_bytes` None: the body follows in chunks."""
    # A list is read here, so it must come plain.
    fields = PLAIN if route.is_list else head.forwarded
    if body_bytes is None:
        fields += b"Transfer-Encoding: chunked\r\n"
    elif head.method == b"POST":
        fields += b"Content-Length: %d\r\n" % body_bytes
    return (
        b"%b %b HTTP/1.1\r\nHost: %b\r\n%bTraceparent: %b\r\n"
        b"Via: 1.1 conch\r\nX-Request-Id: %b\r\n\r\n"
        % (head.method, route.path, authority, fields, traceparent, request_id)
    )
