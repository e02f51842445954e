"""What goes before every request of the admin plane: other sites, sizes, and request ids.

A browser on the machine of an operator reaches loopback, and shows client certificates by itself.
So a page of another site gets nothing: neither by asking for this address (its `Origin` and
`Sec-Fetch-Site` tell), nor by a name of its own that it lets point here (its `Host` tells).
"""

import ipaddress
import re
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admin.errors import problem_response
from gateway.errors import AdminError, BodyTooLarge, CrossOriginRefused, HostRefused

# Scrapers and probes call these by whatever name they know.
FOR_ALL = frozenset({"/metrics", "/healthz"})
MAX_BODY_BYTES = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_PAGE = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, is_loopback: bool) -> None:
        self._app = app
        self._is_loopback = is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        received_bytes = 0

        async def receive_bounded() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > MAX_BODY_BYTES:
                raise BodyTooLarge(
                    f"The body is over {MAX_BODY_BYTES:,} bytes, the most that the admin API takes."
                )
            return message

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_fields(MutableHeaders(scope=message), request_id)
            await send(message)

        refusal = None if scope["path"] in FOR_ALL else self._refusal(scope, headers)
        if refusal is None:
            await self._app(scope, receive_bounded, send_more)
        else:
            await problem_response(Request(scope), refusal)(scope, receive, send_more)

    def _refusal(self, scope: Scope, headers: Headers) -> AdminError | None:
        host = headers.get("host", "")
        if self._is_loopback and not _is_loopback_name(host):
            return HostRefused(
                f"Host {host[:80]!r} is no name of loopback; call 127.0.0.1 or localhost."
            )
        origin = headers.get("origin")
        is_same = origin is None or origin == f"{scope['scheme']}://{host}"
        # `none`: typed by a person; absent: no browser.
        if is_same and headers.get("sec-fetch-site") in (None, "same-origin", "none"):
            return None
        return CrossOriginRefused("A page of another site may not use the admin API.")


def is_loopback_address(text: str) -> bool:
    """`is_loopback_address("127.0.0.1")`; a name other than localhost is none."""
    if text == "localhost":
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _is_loopback_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback_address(name)


def _add_fields(headers: MutableHeaders, request_id: str) -> None:
    headers["X-Request-Id"] = request_id
    # Keys and tokens are shown once, and kept by nobody on the way.
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = _PAGE
