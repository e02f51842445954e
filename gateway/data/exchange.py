"""One request and its answer: parse head -> route -> authenticate -> admit -> forward -> settle."""

import asyncio
from enum import Enum, auto
from typing import Protocol

from gateway.data.answers import (
    CONTINUE,
    LAST_CHUNK,
    answer_head,
    chunk,
    problem_answer,
    unknown_model_answer,
)
from gateway.data.auth import Principal, may_use
from gateway.data.gate import Gate, new_request_id
from gateway.data.head import Head
from gateway.data.limits import quota_exceeded
from gateway.data.routes import Permission, Route, find_route
from gateway.data.upstream_connection import HOLD_BYTES, Answer, UpstreamConnection
from gateway.data.upstream_request import request_head
from gateway.errors import (
    BodyTooLarge,
    HttpError,
    Overloaded,
    RecordsUnavailable,
    RequestTimeout,
    UpstreamTimeout,
)

CLIENT_LEFT = 499


class Client(Protocol):
    """The connection that an exchange answers on."""

    def write(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_deadline(self, seconds: float) -> None: ...
    def finished(self, *, keep_alive: bool) -> None: ...
    def abort(self) -> None: ...


class State(Enum):
    """How far an exchange is."""

    NEW = auto()
    LOOKING_UP = auto()
    RECEIVING = auto()
    WAITING = auto()
    ASKING = auto()
    ANSWERING = auto()
    # Answered; what is left of the request's body is read and dropped.
    DISCARDING = auto()
    DONE = auto()


_TAKING_BODY = (State.RECEIVING, State.WAITING, State.ASKING)


class Exchange:
    """Carries one request through the gate, by callbacks: no task unless the key is new here."""

    __slots__ = (
        "_answer_is_chunked",
        "_client",
        "_connection",
        "_gate",
        "_head",
        "_held",
        "_held_bytes",
        "_is_received",
        "_keeps_alive",
        "_lookup",
        "_principal",
        "_received_bytes",
        "_request_id",
        "_retried",
        "_route",
        "_started_s",
        "_state",
    )

    def __init__(self, gate: Gate, client: Client, head: Head) -> None:
        self._gate = gate
        self._client = client
        self._head = head
        self._request_id = head.request_id or new_request_id()
        self._state = State.NEW
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._received_bytes = 0
        self._is_received = False
        self._route: Route | None = None
        self._principal: Principal | None = None
        self._lookup: asyncio.Task[None] | None = None
        self._connection: UpstreamConnection | None = None
        self._retried = False
        self._answer_is_chunked = False
        self._keeps_alive = False
        self._started_s = gate.now_s()

    # The trip.

    def start(self) -> None:
        """The request's head is there: decide on it."""
        head, gate = self._head, self._gate
        gate.metrics.in_flight += 1
        try:
            self._route = route = find_route(head.method, head.target)
            if route.permission is Permission.HEALTH:
                self._receive()
                return
            principal = gate.authenticator.known(head.token)
            if principal is None:
                self._state = State.LOOKING_UP
                self._client.set_deadline(gate.times.upstream_s)
                self._lookup = asyncio.get_running_loop().create_task(self._look_up())
                return
            self._admit(route, principal)
        except HttpError as error:
            self._refuse(error)

    def _admit(self, route: Route, principal: Principal) -> None:
        """Whoever calls is known: may they, and how much is left to them?"""
        gate = self._gate
        self._principal = principal
        if max(self._head.body_bytes or 0, self._received_bytes) > gate.max_body_bytes:
            raise self._too_large()
        decision = gate.buckets.admit(principal.key_id, principal.limit, gate.now_ns())
        if not decision.admitted and principal.limit is not None:
            raise quota_exceeded(principal.limit, decision)
        if route.model and not may_use(principal, route.model):
            self._deny_model(route)
            return
        self._receive()

    def _receive(self) -> None:
        """Admitted: now the body is welcome."""
        self._state = State.RECEIVING
        if self._head.expects_continue and not self._received_bytes and not self._is_received:
            self._client.write(CONTINUE)
        self.advance()

    def advance(self) -> None:
        """Go on with what has arrived: forward when the body is whole or too large to be held."""
        state = self._state
        if self._received_bytes > self._gate.max_body_bytes and state in _TAKING_BODY:
            self._refuse(self._too_large())
        elif state is State.RECEIVING:
            if not self._is_received and self._held_bytes <= HOLD_BYTES:
                self._client.set_deadline(self._gate.times.body_progress_s)
                return
            self._state = State.WAITING
            self._client.set_deadline(self._gate.times.upstream_s)
            self._hold_back()
            self._gate.pool.acquire(self)
        elif state is State.ASKING:
            self._send_more()
        elif state is State.WAITING or state is State.LOOKING_UP:
            self._hold_back()
        elif state is State.DISCARDING and self._is_received:
            self._finish(keep_alive=not self._gate.is_draining)

    def _settle(self, status: int) -> None:
        """Comes exactly once to every request: what was taken becomes what was used."""
        gate = self._gate
        gate.metrics.in_flight -= 1
        model = self._route.model if self._route and self._principal else ""
        gate.metrics.observe(model, status, gate.now_s() - self._started_s)

    async def _look_up(self) -> None:
        route = self._route
        assert route is not None
        try:
            principal = await self._gate.authenticator.look_up(self._head.token)
            self._lookup = None
            self._client.resume_reading()
            self._admit(route, principal)
        except HttpError as error:
            self._lookup = None
            self._refuse(error)

    # From the client.

    def receive(self, data: bytes) -> None:
        """A part of the body; it is only stored, `advance` follows."""
        self._received_bytes += len(data)
        if self._state in (State.ANSWERING, State.DISCARDING):
            return
        self._held.append(data)
        self._held_bytes += len(data)

    def received(self) -> None:
        """The body is whole; `advance` follows."""
        self._is_received = True

    def fail(self, error: HttpError) -> None:
        """The rest of the request is not to be had."""
        if self._is_received:
            return
        if self._state is State.DISCARDING:
            self._finish(keep_alive=False)
        else:
            self._refuse(error, may_keep=False)

    def expire(self) -> None:
        """The deadline that was set last has passed."""
        times = self._gate.times
        if self._state is State.LOOKING_UP:
            self._refuse(RecordsUnavailable("The records took too long; try again."))
        elif self._state is State.WAITING:
            wait_s = times.upstream_s
            self._refuse(Overloaded(f"No connection to Triton was free for {wait_s:g} s."))
        elif self._state is State.ASKING and self._is_received:
            wait_s = times.upstream_s
            self._refuse(UpstreamTimeout(f"Triton did not answer for {wait_s:g} s."))
        elif self._state in (State.RECEIVING, State.ASKING):
            wait_s = times.body_progress_s
            self.fail(RequestTimeout(f"Nothing of the body arrived for {wait_s:g} s."))
        else:
            self._client.abort()

    def abandon(self) -> None:
        """The client has left; closing Triton's connection cancels the inference."""
        if self._state in (State.NEW, State.DONE):
            return
        is_settled = self._state is State.DISCARDING
        self._let_go()
        self._state = State.DONE
        if not is_settled:
            self._settle(CLIENT_LEFT)

    def pause_answer(self) -> None:
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_answer(self) -> None:
        if self._connection is not None:
            self._client.set_deadline(self._gate.times.upstream_s)
            self._connection.resume_reading()

    # From Triton's side.

    def on_connection(self, connection: UpstreamConnection) -> None:
        self._state = State.ASKING
        self._connection = connection
        body = b"".join(self._held)
        size = self._received_bytes if self._is_received else self._head.body_bytes
        route = self._route
        assert route is not None
        head = request_head(
            route,
            self._gate.pool.authority,
            self._head.forwarded,
            self._request_id,
            body_bytes=size,
        )
        self._held.clear()
        self._held_bytes = 0
        if size is None:
            body = chunk([body])
        connection.ask(self, head + body, is_all=self._is_received)
        self._client.resume_reading()

    def on_unavailable(self, error: HttpError) -> None:
        self._refuse(error)

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        self._connection = None
        if unread and self._head.method == b"GET" and not self._retried:
            # Closed while it was idle; asking again changes nothing on the other side.
            self._retried = True
            self._state = State.WAITING
            self._gate.pool.acquire(self)
            return
        self._refuse(error)

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        if complete:
            self._connection = None
        if self._state is State.ASKING:
            self._begin_answer(answer, parts, complete=complete)
        else:
            self._client.write(chunk(parts) if self._answer_is_chunked else b"".join(parts))
        if not complete:
            self._client.set_deadline(self._gate.times.upstream_s)
            return
        if self._answer_is_chunked:
            self._client.write(LAST_CHUNK)
        self._settle(answer.status)
        self._finish(keep_alive=self._keeps_alive)

    def pause_sending(self) -> None:
        self._client.pause_reading()

    def resume_sending(self) -> None:
        self._client.resume_reading()

    # Parts of the trip.

    def _begin_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        self._state = State.ANSWERING
        length_bytes = sum(map(len, parts)) if complete else answer.body_bytes
        self._answer_is_chunked = length_bytes is None and not self._head.is_http_1_0
        self._keeps_alive = self._can_keep_alive() and self._is_received
        head = answer_head(
            answer.status,
            answer.headers,
            self._request_id,
            length_bytes=length_bytes,
            chunked=self._answer_is_chunked,
            keep_alive=self._keeps_alive,
        )
        body = chunk(parts) if self._answer_is_chunked else b"".join(parts)
        self._client.write(head + body)

    def _send_more(self) -> None:
        if self._connection is None or not (self._held or self._is_received):
            return
        is_chunked = self._head.body_bytes is None
        data = chunk(self._held) if is_chunked else b"".join(self._held)
        if is_chunked and self._is_received:
            data += LAST_CHUNK
        self._held.clear()
        self._held_bytes = 0
        self._connection.send(data, is_last=self._is_received)
        times = self._gate.times
        self._client.set_deadline(times.upstream_s if self._is_received else times.body_progress_s)

    def _deny_model(self, route: Route) -> None:
        keep_alive = self._can_keep_alive()
        status, data = unknown_model_answer(route, self._request_id, keep_alive=keep_alive)
        self._answer_alone(status, data, keep_alive=keep_alive)

    def _refuse(self, error: HttpError, *, may_keep: bool = True) -> None:
        """Answer with a problem, or break off if Triton's answer has begun."""
        was_answering = self._state is State.ANSWERING
        self._let_go()
        if was_answering:
            self._state = State.DONE
            self._settle(error.status)
            self._client.abort()
            return
        keep_alive = may_keep and self._can_keep_alive()
        with_body = self._head.method != b"HEAD"
        data = problem_answer(error, self._request_id, keep_alive=keep_alive, with_body=with_body)
        self._answer_alone(error.status, data, keep_alive=keep_alive)

    def _answer_alone(self, status: int, data: bytes, *, keep_alive: bool) -> None:
        """Answer without Triton; the body may still be on its way."""
        self._settle(status)
        self._held.clear()
        self._client.write(data)
        if self._is_received or not keep_alive:
            self._finish(keep_alive=keep_alive)
            return
        self._state = State.DISCARDING
        self._client.set_deadline(self._gate.times.body_progress_s)

    def _can_keep_alive(self) -> bool:
        head = self._head
        if not head.keep_alive or self._gate.is_draining:
            return False
        if self._is_received:
            return True
        # A client that waits for 100 may send its body or not: the next byte is ambiguous.
        if head.body_bytes is None or head.expects_continue:
            return False
        return head.body_bytes - self._received_bytes <= HOLD_BYTES

    def _too_large(self) -> BodyTooLarge:
        limit = self._gate.max_body_bytes
        return BodyTooLarge(
            f"The body has over {limit} bytes; send less, or have CONCH_MAX_BODY_BYTES raised."
        )

    def _hold_back(self) -> None:
        if self._held_bytes > HOLD_BYTES:
            self._client.pause_reading()

    def _let_go(self) -> None:
        if self._lookup is not None:
            self._lookup.cancel()
            self._lookup = None
        if self._state is State.WAITING:
            self._gate.pool.give_up(self)
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    def _finish(self, *, keep_alive: bool) -> None:
        self._state = State.DONE
        self._client.finished(keep_alive=keep_alive)
