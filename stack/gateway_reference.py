"""Tables of docs/gateway.md, from the gateway's own code: paths, limits, times and errors."""

from collections.abc import Iterator

from gateway.data import body, client_connection, fields, head, json_guard, pace
from gateway.data.gate import Times
from gateway.data.routes import Route, find_route
from gateway.errors import HttpError, MethodNotAllowed

# One target of each form; the names stand for any.
_TARGETS = (
    "/v2/health/live",
    "/v2/health/ready",
    "/v2",
    "/v2/models/MODEL",
    "/v2/models/MODEL/ready",
    "/v2/models/MODEL/config",
    "/v2/models/MODEL/stats",
    "/v2/models/stats",
    "/v2/models/MODEL/infer",
    "/v2/models/MODEL/generate",
    "/v2/models/MODEL/generate_stream",
    "/v2/repository/index",
    "/v2/repository/models/MODEL/load",
    "/v2/repository/models/MODEL/unload",
    "/v2/models/MODEL/trace/setting",
    "/v2/trace/setting",
    "/v2/logging",
)


def paths_table() -> str:
    """Every form of path with its methods and the permission that it needs."""
    rows = ["| path | method | permission |", "|---|---|---|"]
    for target in _TARGETS:
        route = _route(target)
        methods = ", ".join(method.decode() for method in route.methods)
        permission = f"`{route.permission}`" if route.permission else "none"
        rows.append(f"| `{target}` | {methods} | {permission} |")
    return "\n".join(rows)


def limits_table() -> str:
    """What a request may be, and how long it may take."""
    times = Times()
    rows = [
        ("request target", f"{head.MAX_TARGET_BYTES:,} bytes", "414"),
        ("one field", f"{fields.MAX_FIELD_BYTES:,} bytes", "431"),
        ("number of fields", f"{head.MAX_HEADERS}", "431"),
        ("the whole head", f"{head.MAX_HEAD_BYTES:,} bytes", "431"),
        ("body of an inference, also inflated", "`CONCH_MAX_BODY_BYTES`", "413"),
        ("JSON in a body", "`CONCH_MAX_JSON_BYTES`", "413"),
        ("any other body", f"{body.HOLD_BYTES:,} bytes", "413"),
        ("chunks of a body", f"{client_connection.MAX_CHUNKS:,}", "400"),
        ("depth of JSON", f"{json_guard.MAX_DEPTH}", "400"),
        ("objects and members in JSON", f"{json_guard.MAX_MEMBERS:,}", "400"),
        ("elements told by all shapes", "bytes of the body", "400"),
        ("requests ahead of their turn", f"{client_connection.MAX_PIPELINED}", "400"),
        ("time for a head", f"{times.head_s:g} s", "408"),
        ("silence within a body", f"{times.body_progress_s:g} s", "408"),
        ("speed of a body, after that time", f"{pace.MIN_BYTES_PER_S:,} bytes a second", "408"),
        ("wait for Triton", "`CONCH_UPSTREAM_TIMEOUT_S`", "504"),
        ("a request in all", "`CONCH_REQUEST_TIMEOUT_S`", "408 or 504"),
        ("an idle connection", f"{times.idle_s:g} s", "closed"),
        ("connections of one worker", "`CONCH_MAX_CONNECTIONS`", "503"),
    ]
    lines = ["| what | at most | past it |", "|---|---|---|"]
    return "\n".join(lines + [f"| {what} | {most} | {past} |" for what, most, past in rows])


def errors_table() -> str:
    """Every problem that the gateway itself answers with."""
    rows = ["| status | code | title |", "|---|---|---|"]
    kinds = sorted(_leaves(HttpError), key=lambda kind: (kind.status, kind.code))
    return "\n".join(rows + [f"| {k.status} | `{k.code}` | {k.title} |" for k in kinds])


def _route(target: str) -> Route:
    try:
        return find_route(b"GET", target.encode())
    except MethodNotAllowed as error:
        return find_route(error.allowed.encode(), target.encode())


def _leaves(kind: type[HttpError]) -> Iterator[type[HttpError]]:
    children = kind.__subclasses__()
    if not children:
        yield kind
    for child in children:
        yield from _leaves(child)
