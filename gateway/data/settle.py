"""The end of every request: what it took is counted and told."""

from typing import Protocol

from gateway.data.auth import Principal
from gateway.data.body import Body
from gateway.data.forwarding import Forwarding
from gateway.data.gate import Gate
from gateway.data.head import Head
from gateway.data.log_members import members
from gateway.data.metering import meter
from gateway.data.metrics import Series
from gateway.data.peer import Peer
from gateway.data.quotas import used_by
from gateway.data.routes import Route
from gateway.data.tab import Tab
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
    # None as well: it was refused before it was known what it is.
    tab: Tab | None
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
    tab = exchange.tab
    if tab is None:
        gate.metrics.observe("", status, seconds)
    else:
        _charge(gate, exchange, tab, status, seconds, triton_s)
    reservation = exchange.reservation
    if reservation is not None and reservation.is_kept:
        used = used_by(exchange, status, triton_s or 0.0, gate.estimates)
        gate.quotas.settle(reservation, used)
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


def _charge(
    gate: Gate,
    exchange: Settled,
    tab: Tab,
    status: int,
    seconds: float,
    triton_s: float | None,
) -> None:
    """Count it for Prometheus and as usage."""
    series = tab.series
    if series is None:
        series = _name(gate, tab, exchange.forwarding)
    series.add(status, seconds)
    if triton_s is None:
        meter(gate.usage.open(tab), exchange, status, 0.0)
        return
    gate.metrics.overheads.add(seconds - triton_s)
    meter(gate.usage.open(tab), exchange, status, triton_s)


def _name(gate: Gate, tab: Tab, forwarding: Forwarding | None) -> Series:
    """Find out what the tab counts under, which may be another name the next time."""
    has_succeeded = forwarding is not None and forwarding.has_succeeded
    series = gate.metrics.series(tab.asked, has_succeeded=has_succeeded)
    name = gate.billed_models.name(tab.asked, has_succeeded=has_succeeded)
    if name:
        tab.model = name
        tab.series = series
    return series


def _target(exchange: Settled) -> bytes:
    if exchange.route is not None:
        return exchange.route.log_members
    # Nothing of ours: it may be anything, and its query a secret.
    path = exchange.target.partition(b"?")[0][:LOGGED_TARGET_BYTES]
    return members(path=path.decode("latin-1"), model="")
