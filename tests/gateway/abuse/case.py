"""One case of the abuse suite: what a client sends, and everything that may come of it."""

from dataclasses import dataclass

# Stands for a valid key in the bytes of a case.
KEY = b"$KEY"
INFER = b"POST /v2/models/echo/infer"
LIVE = b"GET /v2/health/live"
# What an attacker hides in a request; Triton must never see it as one of its own.
HIDDEN = b"GET /v2/health/ready HTTP/1.1\r\nHost: gateway\r\n\r\n"

Asked = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """After an answer the connection either serves on or is closed; it never hangs."""

    name: str
    data: bytes
    # Statuses of all answers in order; none: closed without one.
    answers: tuple[int, ...]
    is_kept: bool
    # Method and path, and body, of every request that Triton sees, in order.
    asked: tuple[Asked, ...] = ()
    is_head: bool = False
    # No request can follow: it goes on for ever.
    is_endless: bool = False


def refused(name: str, data: bytes, status: int = 400) -> Case:
    """Answered by the gateway alone, and the connection is closed."""
    return Case(name=name, data=data, answers=(status,), is_kept=False)


def endless(name: str, data: bytes, status: int) -> Case:
    """Refused before it ends, and closed."""
    return Case(name=name, data=data, answers=(status,), is_kept=False, is_endless=True)


def denied(name: str, data: bytes, status: int) -> Case:
    """Answered by the gateway alone, and the connection serves on: its framing is sound."""
    return Case(name=name, data=data, answers=(status,), is_kept=True)


def passed(name: str, data: bytes, *asked: Asked, is_kept: bool = True) -> Case:
    """Triton is asked for exactly this."""
    answers = (200,) * len(asked)
    return Case(name=name, data=data, answers=answers, is_kept=is_kept, asked=asked)


def infer(fields: bytes = b"", body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    """An inference with a valid key; `fields` are whole lines."""
    head = INFER + b" " + version + b"\r\nHost: gateway\r\nX-API-Key: " + KEY + b"\r\n"
    return head + fields + b"\r\n" + body


def live(fields: bytes = b"") -> bytes:
    """A health check, which needs no key."""
    return LIVE + b" HTTP/1.1\r\nHost: gateway\r\n" + fields + b"\r\n"


def line(start_line: bytes, fields: bytes = b"Host: gateway\r\n") -> bytes:
    """A request of any first line."""
    return start_line + b"\r\n" + fields + b"\r\n"


def named(kind: str, data: bytes) -> str:
    """The name of a case from its telling bytes."""
    shown = ascii(data[:48].decode("latin-1"))[1:-1]
    return f"{kind} {shown}" + ("..." if len(data) > 48 else "")
