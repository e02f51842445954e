"""Which exception becomes which answer of the admin API; all have the data plane's one body."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from gateway.errors import (
    AdminError,
    Conflict,
    HttpError,
    InternalError,
    InvalidInput,
    InvalidValue,
    MalformedRequest,
    MethodNotAllowed,
    RecordConflict,
    RecordsUnavailable,
    RouteNotFound,
    UnknownRecord,
    UnknownSubject,
    problem_body,
    problem_headers,
)
from gateway.records.migrate import reason_of
from gateway.shown import shown
from gateway.value_faults import sentence

_log = structlog.get_logger()


def problem_response(request: Request, error: HttpError) -> Response:
    """The answer for this error."""
    request_id = request.state.request_id
    response = Response(problem_body(error, request_id), error.status)
    response.headers["X-Request-Id"] = request_id
    for name, value in problem_headers(error):
        response.headers[name.decode()] = value.decode()
    return response


def answer_errors(app: FastAPI) -> None:
    """Have every failure answered with a problem body."""
    for kind in (HttpError, InvalidInput, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer)
    for unreadable in (SQLAlchemyError, OSError):
        app.add_exception_handler(unreadable, _answer)
    app.add_exception_handler(Exception, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    return problem_response(request, _http_error(request, error))


def _http_error(request: Request, error: Exception) -> HttpError:
    if isinstance(error, HttpError):
        return error
    if isinstance(error, InvalidInput):
        return _kind_of(error)(str(error))
    if isinstance(error, RequestValidationError):
        return InvalidValue("; ".join(map(_fault, error.errors())) + _advice(request, error))
    if isinstance(error, HTTPException):
        return _http_error_of_status(request, error)
    if isinstance(error, DBAPIError) and _is_about_a_value(error):
        return InvalidValue("The records cannot hold one of the values.")
    if isinstance(error, SQLAlchemyError | OSError):
        _log.error("records_unreadable", error=reason_of(error))
        return RecordsUnavailable("The records cannot be read just now; try again.")
    _log.error("admin_request_failed", exc_info=error)
    return InternalError("The admin plane failed; its log tells why.")


def _is_about_a_value(error: DBAPIError) -> bool:
    """PostgreSQL tells it by the class of its code, 22: for one of NUL in a text."""
    code = getattr(error.orig, "sqlstate", None)
    return isinstance(error, DataError) or str(code).startswith("22")


def _kind_of(error: InvalidInput) -> type[AdminError]:
    if isinstance(error, UnknownRecord):
        return UnknownSubject
    return Conflict if isinstance(error, RecordConflict) else InvalidValue


def _http_error_of_status(request: Request, error: HTTPException) -> HttpError:
    """FastAPI's own: paths, methods and bodies."""
    if isinstance(error.__cause__, HttpError):
        # What the guard raised while the body was read.
        return error.__cause__
    if error.status_code == HTTPStatus.NOT_FOUND:
        return RouteNotFound("There is no such path; /docs lists the paths.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(f"{request.method} is not for this path.", _methods_of(request))
    if isinstance(error.__cause__, RecursionError):
        return MalformedRequest("The body's JSON is nested too deep; send an object of values.")
    return MalformedRequest(str(error.detail))


def _methods_of(request: Request) -> str:
    """All methods of the path; FastAPI would tell those of the first route alone."""
    methods: set[str] = set()
    for route in request.app.state.routes:
        matched, _ = route.matches(request.scope)
        if matched is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(methods))


def _advice(request: Request, error: RequestValidationError) -> str:
    """A body is JSON only where it says so; what another site may have sent is not."""
    sent = request.headers.get("content-type", "")
    is_whole_body = any(fault.get("loc") == ("body",) for fault in error.errors())
    if not is_whole_body or "json" in sent:
        return ""
    return f"; Content-Type is {shown(sent)}, send application/json"


def _fault(fault: dict[str, Any]) -> str:
    """`body.rate: rate 'x' is not NUMBER/s …`."""
    location = fault["loc"]
    if fault["type"] == "json_invalid":
        # Behind `body` stands only at which letter.
        location = location[:1]
    return f"{'.'.join(map(str, location))}: {sentence(fault)}"
