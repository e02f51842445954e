"""The head of the request that Triton gets: built anew from parsed parts, never copied."""

from collections.abc import Mapping

from gateway.data.routes import Route


def request_head(
    route: Route,
    method: bytes,
    authority: bytes,
    forwarded: Mapping[bytes, bytes],
    request_id: bytes,
    *,
    body_bytes: int | None,
) -> bytes:
    """Head of the request; `body_bytes` None: the body follows in chunks."""
    lines = [b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method, route.path, authority)]
    lines += [
        b"%b: %b\r\n" % field
        for field in forwarded.items()
        # A list is read here, so it must come plain.
        if not (route.is_list and field[0] == b"Accept-Encoding")
    ]
    if route.is_list or b"Accept-Encoding" not in forwarded:
        # Triton compresses for whoever does not say that they want it plain.
        lines.append(b"Accept-Encoding: identity\r\n")
    if body_bytes is None:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    elif method == b"POST":
        lines.append(b"Content-Length: %d\r\n" % body_bytes)
    lines.append(b"Via: 1.1 conch\r\nX-Request-Id: %b\r\n\r\n" % request_id)
    return b"".join(lines)
