"""One request and its answer: parse head -> route -> authenticate -> admit -> forward -> settle."""

import asyncio
from enum import Enum, auto
from typing import Protocol

from gateway.data import forwarding, timeouts
from gateway.data.answers import CONTINUE, answer_head, problem_answer, unknown_model_answer
from gateway.data.auth import Principal
from gateway.data.authorize import authorize
from gateway.data.body import HOLD_BYTES, Body
from gateway.data.faults import answerable
from gateway.data.forwarding import Forwarding
from gateway.data.gate import Gate, new_request_id
from gateway.data.head import Head
from gateway.data.load_request import load_body
from gateway.data.metering import CLIENT_LEFT
from gateway.data.pace import Pace
from gateway.data.quotas import costs_of
from gateway.data.routes import LOAD_VERBS, READY, TENSOR_VERBS, Route, find_route
from gateway.data.settle import Caller, settle
from gateway.data.trace import new_traceparent
from gateway.data.upstream_connection import Answer
from gateway.errors import (
    Draining,
    HttpError,
    QuotaStoreAway,
    RequestTimeout,
    UnsupportedCoding,
)
from gateway.quotas.decisions import Allowance, Refusal, Reservation, Waiting
from gateway.quotas.problems import problem_of


class Client(forwarding.Client, Caller, Protocol):
    """The connection that an exchange answers on."""

    # Whether it ends with the answer.
    is_retiring: bool

    def finished(self, *, keep_alive: bool) -> None: ...


class State(Enum):
    """How far an exchange is."""

    NEW = auto()
    LOOKING_UP = auto()
    # Of Triton's health.
    ASKING = auto()
    # The store of the limits is asked whether there is room.
    ADMITTING = auto()
    RECEIVING = auto()
    FORWARDING = auto()
    # Answered without Triton; what is left of the request's body is read and dropped.
    DISCARDING = auto()
    DONE = auto()


_WAITED_FOR = {
    State.LOOKING_UP: "the key to be looked up",
    State.ASKING: "Triton's health",
    State.RECEIVING: "the request's body",
}


class Exchange:
    """Carries one request through the gate, by callbacks: no task unless the key is new here."""

    __slots__ = (
        "_client",
        "_ends_s",
        "_gate",
        "_is_paused",
        "_is_visible",
        "_lookup",
        "_pace",
        "_state",
        "_timer",
        "_unpaid",
        "_waiting",
        "body",
        "code",
        "forwarding",
        "head",
        "principal",
        "request_id",
        "reservation",
        "route",
        "started_s",
        "target",
        "token",
        "traceparent",
    )

    def __init__(self, gate: Gate, client: Client, head: Head, target: bytes, token: bytes) -> None:
        self.head = head
        self.target = target
        self.token = token
        self.request_id = head.request_id or new_request_id()
        self.traceparent = head.traceparent or new_traceparent()
        self.body = Body(head.body_bytes)
        self.route: Route | None = None
        self.principal: Principal | None = None
        self._gate = gate
        self._client = client
        self._state = State.NEW
        self._lookup: asyncio.Task[None] | None = None
        self.forwarding: Forwarding | None = None
        self.started_s = gate.now_s()
        self._pace = Pace(gate.tick_s, gate.times.body_progress_s)
        self._ends_s = gate.tick_s + gate.times.request_s
        self._is_paused = False
        self._is_visible = False
        # Its limits, while its body has yet to show what it takes of them.
        self._unpaid: Allowance | None = None
        self._waiting: Waiting | None = None
        self.reservation: Reservation | None = None
        # Of a client that waits less than the gateway would.
        self._timer: asyncio.TimerHandle | None = None
        # Of the problem that was answered with.
        self.code = ""

    # The trip.

    def start(self) -> None:
        """The request's head is there: decide on it."""
        gate, head = self._gate, self.head
        gate.metrics.in_flight += 1
        if head.timeout_s is not None:
            # Deadlines are looked at a few times a second, which is too coarse for it.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(head.timeout_s, self._run_out, head.timeout_s)
        try:
            self.route = route = find_route(head.method, self.target)
            if route.path == READY and not gate.is_ready:
                raise Draining("This gateway ends soon; send to another, or in a while again.")
            if route.permission is None:
                self._ask_health(route)
                return
            principal = gate.authenticator.known(self.token, self._client.peer)
            if principal is None:
                self._look_up(route)
            else:
                self._admit(route, principal)
        except Exception as error:
            self._refuse(answerable(error))

    def _ask_health(self, route: Route) -> None:
        self._state = State.ASKING
        self.set_deadline(self._gate.times.upstream_s)
        self._gate.health[route.path].ask(self)

    def on_health(self, answer: Answer, body: bytes) -> None:
        """Triton's word on it, asked for by this exchange or another."""
        keep_alive = self.can_keep_alive()
        head = answer_head(
            answer.status,
            answer.fields,
            self.request_id,
            length_bytes=len(body),
            chunked=False,
            keep_alive=keep_alive,
        )
        self._answer_alone(answer.status, head + body, keep_alive=keep_alive)

    def _admit(self, route: Route, principal: Principal) -> None:
        """Whoever calls is known: may they do this, and how much is left to them?"""
        gate = self._gate
        self.principal = principal
        self._expect_body(route)
        self._is_visible = authorize(route, principal.grants)
        if principal.limits:
            allowance = gate.quotas.allowances.get(principal.id, principal.limits, route.model)
            if allowance.holdings:
                self._ask_limits(route, allowance)
                return
        self._go_on(route)

    def _ask_limits(self, route: Route, allowance: Allowance) -> None:
        if not self._shows_cost(route, allowance):
            self._await_cost(route, allowance)
        else:
            self._reserve(route, allowance)

    def _shows_cost(self, route: Route, allowance: Allowance) -> bool:
        """Whether what it takes is known: its samples show only in its body."""
        body = self.body
        if not allowance.counts_samples or route.verb != "infer":
            return True
        if body.has_arrived:
            body.look()
        return body.has_shown_samples

    def _await_cost(self, route: Route, allowance: Allowance) -> None:
        # What is certain to be refused is not to be sent at all.
        refusal = self._gate.quotas.foresee(allowance, (1, 1, self.body.size_bytes, 0))
        if refusal is not None:
            raise problem_of(refusal)
        self._unpaid = allowance
        self._go_on(route)

    def _reserve(self, route: Route, allowance: Allowance) -> None:
        """All that it takes of all its limits, or nothing of any."""
        self._unpaid = None
        costs = costs_of(route, self.body, self._gate.estimates)
        outcome = self._gate.quotas.admit(allowance, costs, self._decided)
        if isinstance(outcome, Reservation):
            self.reservation = outcome
            self._go_on(route)
        elif isinstance(outcome, Refusal):
            raise problem_of(outcome)
        else:
            self._state = State.ADMITTING
            self._waiting = outcome
            self.set_deadline(self._gate.times.upstream_s)

    def _decided(self, outcome: Reservation | Refusal) -> None:
        """The store of the limits has answered."""
        assert self.route is not None
        self._waiting = None
        try:
            if isinstance(outcome, Refusal):
                raise problem_of(outcome)
            self.reservation = outcome
            self._go_on(self.route)
        except Exception as error:
            self._refuse(answerable(error))

    def _go_on(self, route: Route) -> None:
        if self._is_visible:
            self._receive(route)
        else:
            self._deny_model(route)

    def _expect_body(self, route: Route) -> None:
        if self.head.body_bytes == 0:
            return
        is_tensors = route.verb in TENSOR_VERBS
        gate = self._gate
        max_bytes = gate.max_body_bytes if is_tensors else HOLD_BYTES
        self.body.limit(max_bytes, gate.max_json_bytes)
        coding = self.head.coding
        if route.verb in LOAD_VERBS and coding:
            raise UnsupportedCoding("This body is read here; send it without Content-Encoding.")
        self.body.guard(coding, self.head.json_bytes if route.verb == "infer" else None)

    def _receive(self, route: Route) -> None:
        """Admitted: now the body is welcome."""
        self._state = State.RECEIVING
        self._pace.begin(self._gate.tick_s)
        body = self.body
        if self.head.expects_continue and not body.received_bytes and not body.has_arrived:
            self._client.write(CONTINUE)
        self.advance()

    def _forward(self) -> None:
        assert self.route is not None
        if self.route.verb in LOAD_VERBS:
            self._rebuild_body(self.route)
        self._state = State.FORWARDING
        self.forwarding = Forwarding(self._gate, self._client, self, self.route)
        self.forwarding.start()

    def _rebuild_body(self, route: Route) -> None:
        assert self.principal is not None
        body = load_body(route.verb, b"".join(self.body.take()), self.principal.grants)
        self.body.replace(body)

    # From the client.

    def receive(self, data: bytes) -> None:
        """A part of the body; it is only stored, `advance` follows."""
        self.body.receive(data)

    def received(self) -> None:
        """The body is whole; `advance` follows."""
        self.body.has_arrived = True

    def advance(self) -> None:
        """Go on with what has arrived: forward when the body is whole or too large to be held."""
        state = self._state
        if state is State.DISCARDING:
            self.body.discard()
            if self.body.has_arrived:
                self._finish(keep_alive=True)
            return
        if state is State.RECEIVING or state is State.FORWARDING:
            self._take_in()
        may_change = self._is_paused or self.body.held_bytes > HOLD_BYTES
        if may_change and self._state is not State.DONE:
            self.regulate()

    def regulate(self) -> None:
        """Have the client send on unless much of its body waits here or Triton takes none."""
        forwarding = self.forwarding
        is_held = forwarding is not None and forwarding.is_blocked
        should_pause = is_held or self.body.held_bytes > HOLD_BYTES
        if should_pause == self._is_paused:
            return
        self._is_paused = should_pause
        if should_pause:
            self._client.pause_reading()
        else:
            self._client.resume_reading()

    def _take_in(self) -> None:
        body = self.body
        try:
            if body.received_bytes:
                body.look()
            if body.is_pending:
                asyncio.get_running_loop().call_soon(self.advance)
            if self._unpaid is not None and self.route is not None:
                if not body.has_shown_samples:
                    self.await_body()
                    return
                self._reserve(self.route, self._unpaid)
            elif self.forwarding is not None:
                self.forwarding.send_more()
            elif body.is_whole or body.ready_bytes > HOLD_BYTES:
                self._forward()
            else:
                self.await_body()
        except Exception as error:
            self._refuse(answerable(error))

    def await_body(self) -> None:
        """Set the time until which more of the body must have come."""
        self.set_deadline(self._pace.left_s(self._gate.tick_s, self.body.received_bytes))

    def set_deadline(self, seconds: float) -> None:
        """The next `expire` comes after so long, or when the whole request has taken too long."""
        self._client.deadline_s = min(self._gate.tick_s + seconds, self._ends_s)

    def fail(self, error: HttpError) -> None:
        """The rest of the request is not to be had."""
        if self.body.has_arrived:
            return
        if self._state is State.DISCARDING:
            self._finish(keep_alive=False)
        else:
            self._refuse(error, may_keep=False)

    def expire(self) -> None:
        """The deadline that was set last has passed."""
        if self._state is State.DISCARDING:
            self._finish(keep_alive=False)
        elif self._state is State.LOOKING_UP:
            self._refuse(timeouts.of_a_look_up(self.token))
        elif self._state is State.ASKING:
            self._refuse(timeouts.of_triton(self._gate.times))
        elif self._state is State.ADMITTING:
            self._refuse(QuotaStoreAway("The store of the limits took too long; try again."))
        elif self._client.deadline_s >= self._ends_s:
            error = timeouts.of_all(self._gate.times, has_arrived=self.body.has_arrived)
            self._refuse(error, may_keep=False)
        elif self.forwarding is not None:
            self._refuse(self.forwarding.timeout(), may_keep=False)
        else:
            self.fail(self.body_timeout())

    def _run_out(self, limit_s: float) -> None:
        """The client waits no longer."""
        if self._state not in _WAITED_FOR and self._state is not State.FORWARDING:
            return
        forwarding = self.forwarding
        waited_for = forwarding.waited_for if forwarding else _WAITED_FOR[self._state]
        self._refuse(timeouts.of_client(limit_s, waited_for), may_keep=self.body.has_arrived)

    def body_timeout(self) -> RequestTimeout:
        """The error for a body that did not come fast enough."""
        return self._pace.error(self.body.received_bytes)

    def abandon(self) -> None:
        """The client has left."""
        is_settled = self._state in (State.NEW, State.DISCARDING, State.DONE)
        if not is_settled:
            settle(self._gate, self._client, self, CLIENT_LEFT)
        self._let_go()
        self._state = State.DONE

    def pause_answer(self) -> None:
        if self.forwarding is not None:
            self.forwarding.pause_answer()

    def resume_answer(self) -> None:
        if self.forwarding is not None:
            self.forwarding.resume_answer()

    # From Triton's side.

    def excuse_body(self, seconds: float) -> None:
        """For so long it was Triton who did not take the body, not the client who did not send."""
        self._pace.excuse(seconds)

    def can_keep_alive(self) -> bool:
        head, body = self.head, self.body
        if not head.keep_alive or self._gate.is_draining or self._client.is_retiring:
            return False
        if body.has_arrived:
            return True
        # A client that waits for 100 may send its body or not: the next byte is ambiguous.
        if head.body_bytes is None or head.expects_continue:
            return False
        return head.body_bytes - body.received_bytes <= HOLD_BYTES

    def answered(self, status: int, *, keep_alive: bool) -> None:
        settle(self._gate, self._client, self, status)
        self._finish(keep_alive=keep_alive)

    def failed(self, error: HttpError) -> None:
        self._refuse(error)

    # Answers without Triton.

    def _refuse(self, error: HttpError, *, may_keep: bool = True) -> None:
        """Answer with a problem, or break off if Triton's answer has begun."""
        self.code = error.code
        if self.forwarding is not None and self.forwarding.answer_has_begun:
            self._break_off(error, self.forwarding)
            return
        keep_alive = may_keep and self.can_keep_alive()
        with_body = self.head.method != b"HEAD"
        data = problem_answer(error, self.request_id, keep_alive=keep_alive, with_body=with_body)
        self._answer_alone(error.status, data, keep_alive=keep_alive)

    def _break_off(self, error: HttpError, forwarding: Forwarding) -> None:
        """The client must see that its answer is not whole."""
        settle(self._gate, self._client, self, error.status)
        self._state = State.DONE
        event = forwarding.last_event(error, self.request_id)
        self._let_go()
        if event:
            # Without the last chunk, so that the stream is seen to be cut.
            self._client.write(event)
            self._client.finished(keep_alive=False)
        else:
            self._client.abort()

    def _deny_model(self, route: Route) -> None:
        self.code = "unknown_model"
        keep_alive = self.can_keep_alive()
        status, data = unknown_model_answer(route, self.request_id, keep_alive=keep_alive)
        self._answer_alone(status, data, keep_alive=keep_alive)

    def _answer_alone(self, status: int, data: bytes, *, keep_alive: bool) -> None:
        """The body may still be on its way."""
        settle(self._gate, self._client, self, status)
        self._let_go()
        self.body.discard()
        self._client.write(data)
        if self.body.has_arrived or not keep_alive:
            self._finish(keep_alive=keep_alive)
            return
        self._state = State.DISCARDING
        self.regulate()
        times = self._gate.times
        # Who showed no key is not waited for.
        self.set_deadline(times.body_progress_s if self.principal else times.linger_s)

    def _finish(self, *, keep_alive: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._state = State.DONE
        self.forwarding = None
        self._client.finished(keep_alive=keep_alive)

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._lookup is not None:
            self._lookup.cancel()
            self._lookup = None
        if self._waiting is not None:
            self._gate.quotas.leave(self._waiting)
            self._waiting = None
        if self._state is State.ASKING and self.route is not None:
            self._gate.health[self.route.path].leave(self)
        if self.forwarding is not None:
            self.forwarding.let_go()
            self.forwarding = None

    # A key that this worker has not seen.

    def _look_up(self, route: Route) -> None:
        self._state = State.LOOKING_UP
        self.set_deadline(self._gate.times.upstream_s)
        self._lookup = asyncio.get_running_loop().create_task(self._ask_records(route))

    async def _ask_records(self, route: Route) -> None:
        try:
            principal = await self._gate.authenticator.look_up(self.token, self._client.peer)
            self._lookup = None
            self._admit(route, principal)
        except Exception as error:
            self._lookup = None
            self._refuse(answerable(error))
