"""One request and its answer: parse head -> route -> authenticate -> admit -> forward -> settle."""

import asyncio

from gateway.data import timeouts
from gateway.data.answer_reader import Answer
from gateway.data.answers import CONTINUE, answer_head, problem_answer, unknown_model_answer
from gateway.data.body import HOLD_BYTES
from gateway.data.entry import Client, Entry, State
from gateway.data.faults import answerable
from gateway.data.forwarding import Forwarding
from gateway.data.gate import Gate, new_request_id
from gateway.data.head import Head
from gateway.data.hedging import Hedged
from gateway.data.load_request import load_body
from gateway.data.metering import CLIENT_LEFT
from gateway.data.pace import Pace
from gateway.data.routes import LOAD_VERBS, Route
from gateway.data.settle import settle
from gateway.data.trace import new_traceparent
from gateway.errors import (
    HttpError,
    QuotaStoreAway,
    RequestTimeout,
)

_WAITED_FOR = {
    State.LOOKING_UP: "the key to be looked up",
    State.ASKING: "Triton's health",
    State.ADMITTING: "the store of the limits",
    State.RECEIVING: "the request's body",
}


class Exchange(Entry):
    """Carries one request through the gate, by callbacks: no task unless the key is new here."""

    __slots__ = (
        "_ends_s",
        "_is_paused",
        "_pace",
        "_timer",
        "code",
        "forwarding",
        "request_id",
        "started_s",
        "traceparent",
    )

    def __init__(
        self,
        gate: Gate,
        client: Client,
        head: Head,
        target: bytes,
        token: bytes,
        token_hash: bytes,
    ) -> None:
        super().__init__(gate, client, head, target, token, token_hash)
        self.request_id = head.request_id or new_request_id()
        self.traceparent = head.traceparent or new_traceparent()
        self.forwarding: Forwarding | None = None
        self.started_s = gate.now_s()
        # Of a body that did not come with the head.
        self._pace: Pace | None = None
        self._ends_s = gate.tick_s + gate.times.request_s
        self._is_paused = False
        # Of a client that waits less than the gateway would.
        self._timer: asyncio.TimerHandle | None = None
        # Of the problem that was answered with.
        self.code = ""

    # The trip.

    def start(self) -> None:
        """The request's head is there: decide on it."""
        self._gate.metrics.in_flight += 1
        timeout_s = self.head.timeout_s
        if timeout_s is not None:
            # Deadlines are looked at a few times a second, which is too coarse for it.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(timeout_s, self._run_out, timeout_s)
        self._enter()

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

    def _receive(self) -> None:
        """Admitted: now the body is welcome."""
        self._state = State.RECEIVING
        body = self.body
        if self.head.expects_continue and not body.received_bytes and not body.has_arrived:
            self._client.write(CONTINUE)
        self.advance()

    def _forward(self) -> None:
        assert self.route is not None
        if self.route.verb in LOAD_VERBS:
            self._rebuild_body(self.route)
        self._state = State.FORWARDING
        kind = Hedged if self._gate.hedge_after_s else Forwarding
        self.forwarding = kind(self._gate, self._client, self, self.route)
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
        self.set_deadline(self._paced().left_s(self._gate.tick_s, self.body.received_bytes))

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
        return self._paced().error(self.body.received_bytes)

    def _paced(self) -> Pace:
        """Its time counts from where the body is first waited for."""
        if self._pace is None:
            self._pace = Pace(self._gate.tick_s, self._gate.times.body_progress_s)
        return self._pace

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
        if self._pace is not None:
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
        self._stop_entering()
        if self._state is State.ASKING and self.route is not None:
            self._gate.health[self.route.path].leave(self)
        if self.forwarding is not None:
            self.forwarding.let_go()
            self.forwarding = None
