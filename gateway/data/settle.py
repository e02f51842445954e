"""The end of every request: what it took is counted and told."""

from typing import Protocol

from gateway.data.access_log import subject_of
from gateway.data.auth import Principal
from gateway.data.body import Body
from gateway.data.forwarding import Forwarding
from gateway.data.gate import Gate
from gateway.data.head import Head
from gateway.data.peer import Peer
from gateway.data.routes import LOAD_VERBS, Route

LOGGED_TARGET_BYTES = 200

# What a caller asked for, as the access log tells it, and of whom.
Subject = tuple[Route | None, Principal | None, bytes]


class Caller(Protocol):
    """The connection that the request came by."""

    peer: Peer
    # Of its last request: mostly the same as the next one's.
    last_subject: Subject


class Settled(Protocol):
    """An exchange that is over."""

    head: Head
    body: Body
    request_id: bytes
    traceparent: bytes
    route: Route | None
    principal: Principal | None
    forwarding: Forwarding | None
    started_s: float
    # Of the problem that was answered with, else empty.
    code: str


def settle(gate: Gate, caller: Caller, exchange: Settled, status: int) -> None:
    """Comes exactly once to every request: what was taken becomes what was used."""
    gate.metrics.in_flight -= 1
    seconds = gate.now_s() - exchange.started_s
    gate.metrics.observe(_counted_model(exchange), status, seconds)
    if gate.access_log is None:
        return
    forwarding = exchange.forwarding
    gate.access_log.write(
        exchange.request_id,
        _subject(caller, exchange),
        status=status,
        code=exchange.code,
        seconds=seconds,
        triton_s=forwarding.triton_s if forwarding else 0.0,
        received_bytes=exchange.body.received_bytes,
        sent_bytes=forwarding.sent_bytes if forwarding else 0,
        traceparent=exchange.traceparent,
    )


def _counted_model(exchange: Settled) -> str:
    route = exchange.route
    if route is None or exchange.principal is None or route.verb in LOAD_VERBS:
        # Triton unloads a model that does not exist with success.
        return ""
    return route.model


def _subject(caller: Caller, exchange: Settled) -> bytes:
    route, principal = exchange.route, exchange.principal
    last_route, last_principal, subject = caller.last_subject
    if route is not None and route is last_route and principal is last_principal:
        return subject
    subject = subject_of(
        peer=caller.peer.address,
        method=exchange.head.method,
        # Rebuilt from its parts where it is a path of ours.
        path=route.path if route else exchange.head.target[:LOGGED_TARGET_BYTES],
        model=route.model if route else "",
        tenant=principal.tenant if principal else "",
        principal=principal.id if principal else "",
    )
    caller.last_subject = (route, principal, subject)
    return subject
