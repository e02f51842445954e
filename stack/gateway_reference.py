"""Tables of docs/gateway.md, from the gateway's own code: paths, limits, times and errors."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from gateway.data import (
    answer_reader,
    attempts,
    body,
    client_connection,
    crowd,
    fields,
    handshakes,
    head,
    json_guard,
    model_lists,
    pace,
    questions,
    upstream,
)
from gateway.data.gate import Times
from gateway.data.replicas import retries
from gateway.data.routes import Route, find_route
from gateway.data.tokens import form
from gateway.errors import AdminError, HttpError, MethodNotAllowed

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

_Row = tuple[str, str, str]


class _Framing(Protocol):
    """A module that says how much of a body may be framing."""

    MAX_FRAMING_BYTES: int
    FRAMING_PER_BYTE: int


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
    """What a request may be, how long it may take, and how many there may be."""
    rows = [*_sizes(), *_times(Times()), *_attempts(), *_numbers(), *_of_tritons_answer()]
    lines = ["| what | at most | past it |", "|---|---|---|"]
    return "\n".join(lines + [f"| {what} | {most} | {past} |" for what, most, past in rows])


def _sizes() -> list[_Row]:
    return [
        ("request target", _bytes(head.MAX_TARGET_BYTES), "414"),
        ("one field", _bytes(fields.MAX_FIELD_BYTES), "431"),
        ("number of fields", f"{head.MAX_HEADERS}", "431"),
        ("the whole head", _bytes(head.MAX_HEAD_BYTES), "431"),
        ("a JSON Web Token", _bytes(form.MAX_TOKEN_BYTES), "401"),
        ("body of an inference, also inflated", "`CONCH_MAX_BODY_BYTES`", "413"),
        ("JSON in a body", "`CONCH_MAX_JSON_BYTES`", "413"),
        ("any other body", _bytes(body.HOLD_BYTES), "413"),
        ("chunks of a body", f"{client_connection.MAX_CHUNKS:,}", "400"),
        ("sizes of chunks, extensions and trailers", _framing(client_connection), "400"),
        ("depth of JSON", f"{json_guard.MAX_DEPTH}", "400"),
        ("objects and members in JSON", f"{json_guard.MAX_MEMBERS:,}", "400"),
        ("a shape, as it is written", _bytes(json_guard.MAX_SHAPE_BYTES), "400"),
        ("elements told by all shapes", "bytes of the body", "400"),
        ("requests ahead of their turn", f"{client_connection.MAX_PIPELINED}", "400"),
    ]


def _times(times: Times) -> list[_Row]:
    return [
        ("TLS handshake", f"{times.handshake_s:g} s", "closed"),
        ("time for a head", f"{times.head_s:g} s", "408"),
        ("silence within a body", f"{times.body_progress_s:g} s", "408"),
        ("speed of a body, after that time", f"{_bytes(pace.MIN_BYTES_PER_S)} a second", "408"),
        ("connecting to Triton", f"{upstream.CONNECT_TIMEOUT_S:g} s", "503"),
        ("wait for a connection to Triton", "`CONCH_UPSTREAM_TIMEOUT_S`", "503"),
        ("wait for Triton", "`CONCH_UPSTREAM_TIMEOUT_S`", "504"),
        ("wait for a client that takes nothing", "`CONCH_UPSTREAM_TIMEOUT_S`", "broken off"),
        ("a request in all", "`CONCH_REQUEST_TIMEOUT_S`", "408 or 504"),
        ("the same, where the client says so", "its `X-Conch-Timeout-Ms`", "504"),
        ("value of `X-Conch-Timeout-Ms`", f"{fields.MAX_TIMEOUT_MS:,}", "400"),
        ("an idle connection", f"{times.idle_s:g} s", "closed"),
        ("a connection after its last answer", f"{times.linger_s:g} s", "closed"),
    ]


def _attempts() -> list[_Row]:
    address, key, look_ups = attempts.PER_ADDRESS, attempts.PER_KEY, attempts.LOOK_UPS
    return [
        (
            "failed attempts from one address",
            f"`CONCH_MAX_FAILURES_PER_ADDRESS`, one more each {address.refill_s:g} s",
            "429",
        ),
        (
            "look-ups of unknown keys and tokens for it from then on",
            f"{look_ups.burst}, {1 / look_ups.refill_s:g} more each second",
            "429",
        ),
        (
            "failed attempts that name one key",
            f"{key.burst}, one more each {key.refill_s:g} s",
            "429",
        ),
        ("keys being looked up at once", f"{questions.MAX_ASKED}", "503"),
    ]


def _numbers() -> list[_Row]:
    share = crowd.SHARE_OF_ONE_ADDRESS
    waiting = upstream.WAITING_PER_CONNECTION
    return [
        (
            "TLS handshakes under way, beside the connections",
            f"a quarter of `CONCH_MAX_CONNECTIONS`, at most {handshakes.MOST_HANDSHAKES:,}",
            "the oldest is closed",
        ),
        ("connections of one worker", "`CONCH_MAX_CONNECTIONS`", "503"),
        ("of these from one address", f"{share:.0%}", "503"),
        ("requests waiting for one Triton", f"{waiting} x `CONCH_UPSTREAM_CONNECTIONS`", "503"),
        (
            "bodies on their way to Triton",
            "half of `CONCH_UPSTREAM_CONNECTIONS`, for each Triton",
            "they wait",
        ),
        ("of these from one key", "half", "they wait"),
        (
            "requests sent to a second Triton",
            f"{retries.SHARE:.0%} of those of {retries.WINDOW_S} s, and {retries.FREE_PER_S} more "
            "each second",
            "the first's answer",
        ),
    ]


def _of_tritons_answer() -> list[_Row]:
    most = answer_reader.MAX_ANSWER_HEAD_BYTES
    return [
        ("head of Triton's answer", _bytes(most), "502"),
        ("sizes of its chunks, extensions and trailers", _framing(answer_reader), "502"),
        ("Triton's list of models", _bytes(model_lists.MAX_LIST_BYTES), "502"),
    ]


def _bytes(number: int) -> str:
    return f"{number:,} bytes"


def _framing(of: _Framing) -> str:
    return f"{_bytes(of.MAX_FRAMING_BYTES)} and {of.FRAMING_PER_BYTE} for each of the body's"


def errors_table() -> str:
    """Every problem that the data plane itself answers with."""
    return _errors(kind for kind in _leaves(HttpError) if not issubclass(kind, AdminError))


def admin_errors_table() -> str:
    """Every problem that the admin API alone answers with."""
    return _errors(_leaves(AdminError))


def _errors(kinds: Iterable[type[HttpError]]) -> str:
    rows = ["| status | code | title |", "|---|---|---|"]
    in_order = sorted(kinds, key=lambda kind: (kind.status, kind.code))
    return "\n".join(rows + [f"| {k.status} | `{k.code}` | {k.title} |" for k in in_order])


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
