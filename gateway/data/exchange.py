"""One request and its answer: parse head -> route -> authenticate -> admit -> forward -> settle."""

import asyncio
from enum import Enum, auto
from typing import Protocol

import structlog

from gateway.data import forwarding
from gateway.data.answers import CONTINUE, problem_answer, unknown_model_answer
from gateway.data.auth import Principal
from gateway.data.forwarding import Forwarding
from gateway.data.gate import Gate, new_request_id
from gateway.data.head import Head
from gateway.data.limits import quota_exceeded
from gateway.data.peer import Peer
from gateway.data.routes import READY, Route, find_route
from gateway.errors import (
    BodyTooLarge,
    Draining,
    HttpError,
    InternalError,
    RecordsUnavailable,
    RequestTimeout,
)
from gateway.permissions import may_see

# Bodies up to this size are held and sent in one write with their head, larger ones streamed.
HOLD_BYTES = 64 * 1024
CLIENT_LEFT = 499

_log = structlog.get_logger()


class Client(forwarding.Client, Protocol):
    """The connection that an exchange answers on."""

    peer: Peer

    def finished(self, *, keep_alive: bool) -> None: ...


class State(Enum):
    """How far an exchange is."""

    NEW = auto()
    LOOKING_UP = auto()
    RECEIVING = auto()
    FORWARDING = auto()
    # Answered without Triton; what is left of the request's body is read and dropped.
    DISCARDING = auto()
    DONE = auto()


class Exchange:
    """Carries one request through the gate, by callbacks: no task unless the key is new here."""

    __slots__ = (
        "_client",
        "_forwarding",
        "_gate",
        "_held",
        "_held_bytes",
        "_lookup",
        "_principal",
        "_route",
        "_started_s",
        "_state",
        "head",
        "is_received",
        "received_bytes",
        "request_id",
    )

    def __init__(self, gate: Gate, client: Client, head: Head) -> None:
        self.head = head
        self.request_id = head.request_id or new_request_id()
        self.received_bytes = 0
        self.is_received = False
        self._gate = gate
        self._client = client
        self._state = State.NEW
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._route: Route | None = None
        self._principal: Principal | None = None
        self._lookup: asyncio.Task[None] | None = None
        self._forwarding: Forwarding | None = None
        self._started_s = gate.now_s()

    # The trip.

    def start(self) -> None:
        """The request's head is there: decide on it."""
        gate, head = self._gate, self.head
        gate.metrics.in_flight += 1
        try:
            self._route = route = find_route(head.method, head.target)
            if route.path == READY and not gate.is_ready:
                raise Draining("This gateway ends soon; send to another, or in a while again.")
            if route.permission is None:
                self._receive()
                return
            principal = gate.authenticator.known(head.token, self._client.peer)
            if principal is None:
                self._look_up(route)
            else:
                self._admit(route, principal)
        except Exception as error:
            self._refuse(_answerable(error))

    def _admit(self, route: Route, principal: Principal) -> None:
        """Whoever calls is known: how much is left to them, and may they use this model?"""
        gate = self._gate
        self._principal = principal
        if max(self.head.body_bytes or 0, self.received_bytes) > gate.max_body_bytes:
            raise self._too_large()
        decision = gate.buckets.admit(principal.id, principal.limit, gate.now_ns())
        if not decision.admitted and principal.limit is not None:
            raise quota_exceeded(principal.limit, decision)
        if route.model and not may_see(principal.grants, route.model):
            self._deny_model(route)
        else:
            self._receive()

    def _receive(self) -> None:
        """Admitted: now the body is welcome."""
        self._state = State.RECEIVING
        if self.head.expects_continue and not self.received_bytes and not self.is_received:
            self._client.write(CONTINUE)
        self.advance()

    def _forward(self) -> None:
        assert self._route is not None
        self._state = State.FORWARDING
        self._forwarding = Forwarding(self._gate, self._client, self, self._route)
        self._forwarding.start()

    def _settle(self, status: int) -> None:
        """Comes exactly once to every request: what was taken becomes what was used."""
        gate = self._gate
        gate.metrics.in_flight -= 1
        model = self._route.model if self._route and self._principal else ""
        gate.metrics.observe(model, status, gate.now_s() - self._started_s)

    # From the client.

    def receive(self, data: bytes) -> None:
        """A part of the body; it is only stored, `advance` follows."""
        self.received_bytes += len(data)
        self._held.append(data)
        self._held_bytes += len(data)

    def received(self) -> None:
        """The body is whole; `advance` follows."""
        self.is_received = True

    def advance(self) -> None:
        """Go on with what has arrived: forward when the body is whole or too large to be held."""
        state = self._state
        if state is State.DISCARDING:
            self.take_body()
            if self.is_received:
                self._finish(keep_alive=True)
        elif self.received_bytes > self._gate.max_body_bytes:
            self._refuse(self._too_large())
        elif state is State.RECEIVING:
            if self.is_received or self._held_bytes > HOLD_BYTES:
                self._forward()
            else:
                self._client.set_deadline(self._gate.times.body_progress_s)
        elif self._forwarding is not None:
            self._forwarding.send_more()
        if self._held_bytes > HOLD_BYTES:
            self._client.pause_reading()

    def fail(self, error: HttpError) -> None:
        """The rest of the request is not to be had."""
        if self.is_received:
            return
        if self._state is State.DISCARDING:
            self._finish(keep_alive=False)
        else:
            self._refuse(error, may_keep=False)

    def expire(self) -> None:
        """The deadline that was set last has passed."""
        if self._state is State.LOOKING_UP:
            self._refuse(RecordsUnavailable("The records took too long; try again."))
        elif self._forwarding is not None:
            self._refuse(self._forwarding.timeout(), may_keep=False)
        else:
            limit_s = self._gate.times.body_progress_s
            self.fail(RequestTimeout(f"Nothing of the body arrived for {limit_s:g} s."))

    def abandon(self) -> None:
        """The client has left."""
        is_settled = self._state in (State.NEW, State.DISCARDING, State.DONE)
        self._let_go()
        self._state = State.DONE
        if not is_settled:
            self._settle(CLIENT_LEFT)

    def pause_answer(self) -> None:
        if self._forwarding is not None:
            self._forwarding.pause_answer()

    def resume_answer(self) -> None:
        if self._forwarding is not None:
            self._forwarding.resume_answer()

    # From Triton's side.

    def is_worth_sending(self) -> bool:
        return self.is_received or self._held_bytes >= HOLD_BYTES

    def take_body(self) -> list[bytes]:
        held, self._held = self._held, []
        self._held_bytes = 0
        return held

    def can_keep_alive(self) -> bool:
        head = self.head
        if not head.keep_alive or self._gate.is_draining:
            return False
        if self.is_received:
            return True
        # A client that waits for 100 may send its body or not: the next byte is ambiguous.
        if head.body_bytes is None or head.expects_continue:
            return False
        return head.body_bytes - self.received_bytes <= HOLD_BYTES

    def answered(self, status: int, *, keep_alive: bool) -> None:
        self._settle(status)
        self._finish(keep_alive=keep_alive)

    def failed(self, error: HttpError) -> None:
        self._refuse(error)

    # Answers without Triton.

    def _refuse(self, error: HttpError, *, may_keep: bool = True) -> None:
        """Answer with a problem, or break off if Triton's answer has begun."""
        has_begun = self._forwarding is not None and self._forwarding.answer_has_begun
        self._let_go()
        if has_begun:
            self._state = State.DONE
            self._settle(error.status)
            self._client.abort()
            return
        keep_alive = may_keep and self.can_keep_alive()
        with_body = self.head.method != b"HEAD"
        data = problem_answer(error, self.request_id, keep_alive=keep_alive, with_body=with_body)
        self._answer_alone(error.status, data, keep_alive=keep_alive)

    def _deny_model(self, route: Route) -> None:
        keep_alive = self.can_keep_alive()
        status, data = unknown_model_answer(route, self.request_id, keep_alive=keep_alive)
        self._answer_alone(status, data, keep_alive=keep_alive)

    def _answer_alone(self, status: int, data: bytes, *, keep_alive: bool) -> None:
        """The body may still be on its way."""
        self._settle(status)
        self.take_body()
        self._client.write(data)
        if self.is_received or not keep_alive:
            self._finish(keep_alive=keep_alive)
            return
        self._state = State.DISCARDING
        self._client.resume_reading()
        self._client.set_deadline(self._gate.times.body_progress_s)

    def _finish(self, *, keep_alive: bool) -> None:
        self._state = State.DONE
        self._forwarding = None
        self._client.finished(keep_alive=keep_alive)

    def _let_go(self) -> None:
        if self._lookup is not None:
            self._lookup.cancel()
            self._lookup = None
        if self._forwarding is not None:
            self._forwarding.let_go()
            self._forwarding = None

    def _too_large(self) -> BodyTooLarge:
        limit = self._gate.max_body_bytes
        return BodyTooLarge(
            f"The body has over {limit} bytes; send less, or have CONCH_MAX_BODY_BYTES raised."
        )

    # A key that this worker has not seen.

    def _look_up(self, route: Route) -> None:
        self._state = State.LOOKING_UP
        self._client.set_deadline(self._gate.times.upstream_s)
        self._lookup = asyncio.get_running_loop().create_task(self._ask_records(route))

    async def _ask_records(self, route: Route) -> None:
        try:
            principal = await self._gate.authenticator.look_up(self.head.token, self._client.peer)
            self._lookup = None
            self._client.resume_reading()
            self._admit(route, principal)
        except Exception as error:
            self._lookup = None
            self._refuse(_answerable(error))


def _answerable(error: Exception) -> HttpError:
    """The error itself if it is an answer, else one for a fault of ours, which is logged."""
    if isinstance(error, HttpError):
        return error
    _log.error("request_failed", exc_info=error)
    return InternalError("The gateway failed on this request; its log says why.")
