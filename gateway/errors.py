"""Every error of the gateway, and the one JSON body that a client sees.

GatewayError
  ConfigurationError            the process cannot start
  InvalidInput                  a value given by an operator makes no sense
    UnknownRecord               it names what is not in the records
    RecordConflict              what the records hold does not allow it
  HttpError                     becomes an answer; knows its status and its stable code
    MalformedRequest       400
    Unauthenticated        401
    Forbidden              403
      PermissionMissing
      SharedMemoryRefused
      LoadOverrideRefused
      AboveLimit
    RouteNotFound          404
    MethodNotAllowed       405
    RequestTimeout         408
    BodyTooLarge           413
    UriTooLong             414
    UnsupportedCoding      415
    QuotaExceeded          429
    TooManyFailures        429
    HeadersTooLarge        431
    InternalError          500
    UpstreamFailed         502
    Unavailable            503
      TritonUnavailable
      Overloaded
      TooManyConnections
      RecordsUnavailable
      IssuerUnavailable
      Draining
      QuotaStoreAway
    UpstreamTimeout        504
    AdminError                  an answer that the admin API alone gives
      CrossOriginRefused   403
      UnknownSubject       404
      Conflict             409
      HostRefused          421
      InvalidValue         422
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

Header = tuple[bytes, bytes]

PROBLEM_TYPES = "https://iana.org/assignments/http-problem-types#"


class GatewayError(Exception):
    """Base of all; its text is for a person: what was wrong, the limit, what to do next."""


class ConfigurationError(GatewayError):
    """The process cannot start with what it was told."""


class InvalidInput(GatewayError):
    """A value given by an operator makes no sense."""


class UnknownRecord(InvalidInput):
    """It names what is not in the records."""


class RecordConflict(InvalidInput):
    """What the records hold does not allow it."""


class HttpError(GatewayError):
    """A failure with an HTTP answer."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    # RFC 9209 error type, for the Proxy-Status field.
    proxy_error: ClassVar[str] = "http_request_error"
    problem_type: ClassVar[str] = "about:blank"

    def headers(self) -> list[Header]:
        """Fields that this error adds to the answer."""
        return []

    def members(self) -> dict[str, object]:
        """Members that this error adds to the body."""
        return {}


class MalformedRequest(HttpError):
    status, code, title = 400, "malformed_request", "Malformed request"


class Unauthenticated(HttpError):
    status, code, title = 401, "unauthenticated", "API key missing or not valid"
    proxy_error = "http_request_denied"

    def __init__(self, detail: str, *, is_missing: bool = False) -> None:
        super().__init__(detail)
        self.is_missing = is_missing

    def headers(self) -> list[Header]:
        # RFC 6750, 3.1: no error is told to who has shown nothing.
        error = b"" if self.is_missing else b', error="invalid_token"'
        return [(b"WWW-Authenticate", b'Bearer realm="conch"' + error)]


class Forbidden(HttpError):
    status, code, title = 403, "forbidden", "Not allowed"
    proxy_error = "http_request_denied"


class PermissionMissing(Forbidden):
    code, title = "permission_missing", "The key lacks this permission"

    def headers(self) -> list[Header]:
        return [(b"WWW-Authenticate", b'Bearer realm="conch", error="insufficient_scope"')]


class SharedMemoryRefused(Forbidden):
    code, title = "shared_memory_refused", "Shared memory is not served"


class LoadOverrideRefused(Forbidden):
    code, title = "load_override_refused", "A load may bring nothing of its own"


class RouteNotFound(HttpError):
    status, code, title = 404, "route_not_found", "No such path"


class MethodNotAllowed(HttpError):
    status, code, title = 405, "method_not_allowed", "Method not allowed"

    def __init__(self, detail: str, allowed: str) -> None:
        super().__init__(detail)
        self.allowed = allowed

    def headers(self) -> list[Header]:
        return [(b"Allow", self.allowed.encode())]


class RequestTimeout(HttpError):
    status, code, title = 408, "request_timeout", "Request took too long to arrive"


class BodyTooLarge(HttpError):
    status, code, title = 413, "body_too_large", "Request body too large"


class UriTooLong(HttpError):
    status, code, title = 414, "uri_too_long", "Request target too long"


class UnsupportedCoding(HttpError):
    status, code, title = 415, "unsupported_coding", "Content-Encoding not supported"

    def headers(self) -> list[Header]:
        return [(b"Accept-Encoding", b"gzip, deflate")]


class QuotaExceeded(HttpError):
    status, code, title = 429, "quota_exceeded", "Quota exceeded"
    proxy_error = "http_request_denied"
    problem_type = PROBLEM_TYPES + "quota-exceeded"

    def __init__(
        self,
        detail: str,
        *,
        policy: str,
        quota: int,
        window_s: int | None,
        retry_after_s: int,
        unit: str = "",
    ) -> None:
        """A concurrency has no window; a unit is one of the draft's registry, or empty."""
        super().__init__(detail)
        self.unit = unit
        self.policy = policy
        self.quota = quota
        self.window_s = window_s
        self.retry_after_s = retry_after_s

    def headers(self) -> list[Header]:
        window = "" if self.window_s is None else f";w={self.window_s}"
        unit = f';qu="{self.unit}"' if self.unit else ""
        policy = f'"{self.policy}";q={self.quota}{window}{unit}'
        return [
            (b"Retry-After", b"%d" % self.retry_after_s),
            (b"RateLimit", f'"{self.policy}";r=0;t={self.retry_after_s}'.encode()),
            (b"RateLimit-Policy", policy.encode()),
        ]

    def members(self) -> dict[str, object]:
        return {"violated-policies": [self.policy]}


class AboveLimit(Forbidden):
    code, title = "above_limit", "More than a limit ever allows at once"


class TooManyFailures(HttpError):
    status, code, title = 429, "too_many_failures", "Too many failed attempts"
    proxy_error = "http_request_denied"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s

    def headers(self) -> list[Header]:
        return [(b"Retry-After", b"%d" % self.retry_after_s)]


class HeadersTooLarge(HttpError):
    status, code, title = 431, "headers_too_large", "Request header fields too large"


class InternalError(HttpError):
    status, code, title = 500, "internal_error", "Fault in the gateway"
    proxy_error = "proxy_internal_error"


class UpstreamFailed(HttpError):
    status, code, title = 502, "upstream_failed", "Triton broke off"
    proxy_error = "connection_terminated"


class Unavailable(HttpError):
    status = 503
    problem_type = PROBLEM_TYPES + "temporary-reduced-capacity"
    retry_after_s: ClassVar[int] = 1

    def headers(self) -> list[Header]:
        return [(b"Retry-After", b"%d" % self.retry_after_s)]


class TritonUnavailable(Unavailable):
    code, title = "triton_unavailable", "Triton cannot be reached"
    proxy_error = "connection_refused"
    problem_type = "about:blank"
    # A restarted Triton needs a few seconds to load its models.
    retry_after_s = 2


class Overloaded(Unavailable):
    code, title = "overloaded", "Too many requests wait for Triton"
    proxy_error = "connection_limit_reached"


class TooManyConnections(Unavailable):
    code, title = "too_many_connections", "Too many connections are open"
    proxy_error = "connection_limit_reached"


class RecordsUnavailable(Unavailable):
    code, title = "records_unavailable", "Keys cannot be read"
    proxy_error = "proxy_internal_error"


class IssuerUnavailable(Unavailable):
    code, title = "issuer_unavailable", "Tokens cannot be verified"
    proxy_error = "proxy_internal_error"
    # A failed fetch of an issuer's keys is tried again after 10 s.
    retry_after_s = 10


class Draining(Unavailable):
    code, title = "draining", "This gateway is about to end"
    proxy_error = "destination_unavailable"


class QuotaStoreAway(Unavailable):
    code, title = "quota_store_away", "Limits cannot be kept right now"
    proxy_error = "proxy_internal_error"


class UpstreamTimeout(HttpError):
    status, code, title = 504, "upstream_timeout", "No answer in time"
    proxy_error = "http_response_timeout"


class AdminError(HttpError):
    """An answer that the admin API alone gives."""


class CrossOriginRefused(AdminError):
    status, code, title = 403, "cross_origin_refused", "Not for pages of other sites"


class UnknownSubject(AdminError):
    status, code, title = 404, "unknown_record", "No such record"


class Conflict(AdminError):
    status, code, title = 409, "conflict", "The records do not allow it"


class HostRefused(AdminError):
    status, code, title = 421, "host_refused", "Not the name of this service"


class InvalidValue(AdminError):
    status, code, title = 422, "invalid_value", "A value makes no sense"


def problem_body(error: HttpError, request_id: str) -> bytes:
    """The one body of all failures: RFC 9457, and `error`, which Triton's own clients read."""
    detail = str(error)
    return msgspec.json.encode(
        {
            "type": error.problem_type,
            "title": error.title,
            "status": error.status,
            "detail": detail,
            "code": error.code,
            "request_id": request_id,
            "error": detail,
            **error.members(),
        }
    )


def problem_headers(error: HttpError) -> Sequence[Header]:
    """Fields that go with `problem_body`; Proxy-Status tells that it is not Triton who speaks."""
    return [
        (b"Content-Type", b"application/problem+json"),
        (b"Proxy-Status", f"conch; error={error.proxy_error}".encode()),
        *error.headers(),
    ]
