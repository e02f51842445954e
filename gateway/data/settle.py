"""The end of every request: what it took is counted and told."""

from typing import Protocol

from gateway.data.auth import Principal
from gateway.data.body import Body
from gateway.data.forwarding import Forwarding
from gateway.data.gate import Gate
from gateway.data.head import Head
from gateway.data.log_members import members
from gateway.data.metering import meter
from gateway.data.peer import Peer
from gateway.data.quotas import used_by
from gateway.data.routes import LOAD_VERBS, Route
from gateway.quotas.decisions import Reservation

LOGGED_TARGET_BYTES = 200
_NOBODY = members(tenant="", principal="")


class Caller(Protocol):
    """The connection that the request came by."""

    peer: Peer


class Settled(Protocol):
    """An exchange that is over."""

    head: Head
    target: bytes
    body: Body
    request_id: bytes
    traceparent: bytes
    route: Route | None
    principal: Principal | None
    forwarding: Forwarding | None
    reservation: Reservation | None
    started_s: float
    # Of the problem that was answered with, else empty.
    code: str


def settle(gate: Gate, caller: Caller, exchange: Settled, status: int) -> None:
    """Comes exactly once to every request: what was taken becomes what was used."""
    gate.metrics.in_flight -= 1
    now_s = gate.now_s()
    seconds = now_s - exchange.started_s
    forwarding = exchange.forwarding
    triton_s = forwarding.triton_s(now_s) if forwarding else None
    model = _counted_model(exchange)
    gate.metrics.observe(model, status, seconds, triton_s)
    reservation = exchange.reservation
    if reservation is not None and reservation.is_kept:
        used = used_by(exchange, status, triton_s or 0.0, gate.estimates)
        gate.quotas.settle(reservation, used)
    if exchange.principal is not None:
        has_succeeded = forwarding is not None and forwarding.has_succeeded
        name = gate.billed_models.name(model, has_succeeded=has_succeeded)
        meter(gate.usage, exchange.principal, exchange, name, status, triton_s or 0.0)
    if gate.access_log is None or not gate.access_log.wants(status):
        return
    gate.access_log.write(
        exchange.request_id,
        caller.peer.log_members,
        exchange.principal.log_members if exchange.principal else _NOBODY,
        exchange.head.method,
        _target(exchange),
        status=status,
        code=exchange.code,
        seconds=seconds,
        triton_s=triton_s or 0.0,
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


def _target(exchange: Settled) -> bytes:
    if exchange.route is not None:
        return exchange.route.log_members
    # Nothing of ours: it may be anything, and its query a secret.
    path = exchange.target.partition(b"?")[0][:LOGGED_TARGET_BYTES]
    return members(path=path.decode("latin-1"), model="")
