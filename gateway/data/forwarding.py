"""The part of an exchange that Triton takes part in: request sent on, answer passed back."""

from gateway.data import timeouts
from gateway.data.answer_reader import Answer
from gateway.data.answers import LAST_CHUNK, answer_head, chunk
from gateway.data.body import HOLD_BYTES
from gateway.data.event_errors import EventErrors, error_event
from gateway.data.forwarded import Client, Forwarded
from gateway.data.gate import Gate
from gateway.data.model_lists import HeldList
from gateway.data.replicas.everywhere import Everywhere
from gateway.data.replicas.replica import Replica
from gateway.data.replicas.trip import Trip, begin_trip
from gateway.data.routes import Route
from gateway.data.upstream_connection import UpstreamConnection
from gateway.data.upstream_request import request_head
from gateway.errors import (
    HttpError,
    Overloaded,
    RequestTimeout,
    UpstreamFailed,
    UpstreamTimeout,
    problem_body,
)

STREAM_FIELDS = b"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
_OK = 200


class Forwarding:
    """One request on its way through Triton."""

    __slots__ = (
        "_awaits_turn",
        "_began_s",
        "_blocked_s",
        "_client",
        "_connection",
        "_events",
        "_exchange",
        "_gate",
        "_is_chunked",
        "_is_paused",
        "_is_stream",
        "_keeps_alive",
        "_list",
        "_replica",
        "_retried",
        "_route",
        "_trip",
        "_triton_s",
        "_upload",
        "answer_has_begun",
        "has_succeeded",
        "is_blocked",
        "sent_bytes",
    )

    def __init__(self, gate: Gate, client: Client, exchange: Forwarded, route: Route) -> None:
        self._gate = gate
        self._client = client
        self._exchange = exchange
        self._route = route
        self._connection: UpstreamConnection | None = None
        # Who is asked; None: nobody yet.
        self._replica: Replica | None = None
        # None: there is one Triton, so no choice.
        self._trip: Trip | Everywhere | None = None
        self._retried = False
        self.answer_has_begun = False
        # Triton answers with status 200, whatever becomes of the answer.
        self.has_succeeded = False
        self._is_chunked = False
        self._keeps_alive = False
        self._is_paused = False
        # Triton takes nothing more for now, since the moment that follows.
        self.is_blocked = False
        self._blocked_s = 0.0
        self._triton_s = 0.0
        self._began_s = 0.0
        # Bytes of the answer's body.
        self.sent_bytes = 0
        self._is_stream = route.verb == "generate_stream"
        is_generated = self._is_stream or route.verb == "generate"
        self._events = EventErrors(is_stream=self._is_stream) if is_generated else None
        self._list = HeldList() if route.is_list else None
        # Whose body it is that is not whole yet; None: it is whole.
        self._upload: str | None = None
        self._awaits_turn = False

    def start(self) -> None:
        if not self._exchange.body.is_whole:
            principal = self._exchange.principal
            self._upload = "" if principal is None else principal.id
            if not self._gate.uploads.take(self, self._upload):
                self._awaits_turn = True
                self._exchange.set_deadline(self._gate.times.upstream_s)
                return
        self._acquire()

    def on_turn(self) -> None:
        """A body that is still arriving may now take a connection."""
        self._awaits_turn = False
        self._acquire()

    def _acquire(self) -> None:
        self._replica = replica = self._gate.replicas.only or self._next_replica()
        if not replica.pool.acquire(self):
            self._exchange.set_deadline(self._gate.times.upstream_s)

    def _next_replica(self) -> Replica:
        if self._trip is None:
            head, start = self._exchange.head, self._exchange.body.ready
            self._trip = begin_trip(self._gate.replicas, self._route, head, start)
        return self._trip.next

    def _send_again(self, trip: Trip | Everywhere) -> None:
        """To the next Triton, as if it had not been sent."""
        self.is_blocked = False
        if trip.kept:
            self._exchange.body.replace(b"".join(trip.kept))
        self.start()

    def _end_upload(self) -> None:
        """The body is with Triton, or will never be."""
        upload, self._upload = self._upload, None
        if self._awaits_turn:
            self._awaits_turn = False
            self._gate.uploads.leave(self)
        elif upload is not None:
            self._gate.uploads.give_back(upload)

    def send_more(self) -> None:
        """More of a body that is too large to be held has arrived."""
        body = self._exchange.body
        if self._connection is None or self._connection.request_is_sent:
            return
        # Triton refuses a body of very many chunks.
        if not body.is_whole and body.ready_bytes < HOLD_BYTES:
            self._await_progress()
            return
        parts = body.take()
        if self.answer_has_begun:
            # Triton answered early: it needs no more.
            return
        is_chunked = self._exchange.head.body_bytes is None
        data = chunk(parts) if is_chunked else b"".join(parts)
        if is_chunked and body.is_whole:
            data += LAST_CHUNK
        self._connection.send(data, is_last=body.is_whole)
        self._await_progress()
        if body.is_whole:
            self._end_upload()

    def let_go(self) -> None:
        """Closing the connection makes Triton cancel the inference."""
        self._stop_clock()
        if self._connection is None:
            if self._replica is not None:
                self._replica.pool.give_up(self)
        else:
            self._connection.abort()
            self._connection = None
        self._end_upload()

    def triton_s(self, now_s: float) -> float:
        """From the request's first byte to the answer's last, or to now if that is to come."""
        return self._triton_s if self._connection is None else now_s - self._began_s

    @property
    def tells_error(self) -> bool:
        """Whether there is an error in an answer of status 200."""
        return self._events is not None and self._events.found

    def timeout(self) -> HttpError:
        """The error that tells what was waited for in vain."""
        limit_s = self._gate.times.upstream_s
        if self._connection is None:
            return Overloaded(f"No connection to Triton was free for {limit_s:g} s.")
        if self._is_paused:
            # Not Triton's fault, nor counted as such.
            return RequestTimeout(f"The client took nothing of the answer for {limit_s:g} s.")
        if self.is_blocked:
            return UpstreamTimeout(f"Triton took nothing of the body for {limit_s:g} s.")
        if self._exchange.body.has_arrived or self.answer_has_begun:
            return timeouts.of_triton(self._gate.times)
        return self._exchange.body_timeout()

    @property
    def waited_for(self) -> str:
        """What the request waits for now."""
        if not self._exchange.body.has_arrived:
            return "the rest of the request's body"
        if self._connection is None:
            return "a connection to Triton"
        if self.answer_has_begun:
            return "the rest of Triton's answer"
        return "Triton to take the body" if self.is_blocked else "Triton's answer"

    def last_event(self, error: HttpError, request_id: bytes) -> bytes:
        """What ends a stream of events that breaks off; empty for any other answer."""
        if not self._is_stream or not self._is_chunked:
            return b""
        self._gate.metrics.observe_stream_error(self._route.model)
        return chunk([error_event(problem_body(error, request_id.decode()))])

    def pause_answer(self) -> None:
        """The client reads slower than Triton writes."""
        self._is_paused = True
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_answer(self) -> None:
        self._is_paused = False
        if self._connection is not None:
            self._exchange.set_deadline(self._gate.times.upstream_s)
            self._connection.resume_reading()

    # Called by the pool and its connection.

    def on_connection(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        self._began_s = self._gate.now_s()
        assert self._replica is not None
        exchange, body = self._exchange, self._exchange.body
        is_whole = body.is_whole
        # A body that is whole is sent with its length, however the client framed it.
        size = body.ready_bytes if is_whole else exchange.head.body_bytes
        head = request_head(
            self._route,
            self._replica.pool.authority,
            exchange.head,
            exchange.request_id,
            exchange.traceparent,
            body_bytes=size,
        )
        parts = body.take()
        if self._trip is not None and is_whole:
            self._trip.keep(parts, size or 0)
        data = chunk(parts) if size is None else b"".join(parts)
        # First: Triton may read so slowly that asking pauses the client at once.
        exchange.regulate()
        connection.ask(self, head + data, is_all=is_whole)
        self._await_progress()
        if is_whole and self._upload is not None:
            self._end_upload()

    def on_unavailable(self, error: HttpError) -> None:
        trip = self._trip
        if trip is not None:
            if trip.goes_on_unsent():
                self._acquire()
                return
            error = trip.explained(error)
        self._exchange.failed(error)

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        self._stop_clock()
        is_silent = self._connection is not None and self._connection.is_silent
        self._connection = None
        self._end_upload()
        trip = self._trip
        if trip is not None:
            if trip.goes_on_unheard(is_silent=is_silent):
                self._send_again(trip)
                return
            error = trip.explained(error)
        elif unread and self._exchange.head.method == b"GET" and not self._retried:
            # Closed while it was idle; asking again changes nothing on the other side.
            self._retried = True
            self.start()
            return
        self._exchange.failed(error)

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        if complete:
            self._stop_clock()
            self._connection = None
            if self._upload is not None:
                # Triton answered before the body was whole.
                self._end_upload()
        trip = self._trip
        if trip is not None and not self.answer_has_begun and trip.goes_on_answered(answer.status):
            self._drop_answer()
            self._send_again(trip)
            return
        if self._list is not None and answer.status == _OK:
            self._hold(self._list, answer, parts, complete=complete)
            return
        if self._events is not None and answer.status == _OK:
            self._events.look(parts)
        if self.answer_has_begun:
            self._pass_on(b"".join(parts))
        else:
            self._begin_answer(answer, parts, complete=complete)
        if complete:
            self._end_answer(answer.status)
        elif parts:
            # Chunks' extensions and trailers are no progress.
            self._exchange.set_deadline(self._gate.times.upstream_s)

    def pause_sending(self) -> None:
        self.is_blocked = True
        self._blocked_s = self._gate.tick_s
        self._exchange.regulate()
        self._await_progress()

    def resume_sending(self) -> None:
        self.is_blocked = False
        self._exchange.excuse_body(self._gate.tick_s - self._blocked_s)
        self._exchange.regulate()
        self._await_progress()

    # The answer.

    def _drop_answer(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    def _begin_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        exchange, fields = self._exchange, answer.fields
        self.answer_has_begun = True
        self.has_succeeded = answer.status == _OK
        if self._trip is not None and self._trip.names_triton and self._replica is not None:
            fields += b"X-Conch-Triton: %b\r\n" % self._replica.pool.authority
            if complete:
                parts = self._trip.explained_body(answer.status, parts)
        data = b"".join(parts)
        length_bytes = len(data) if complete else answer.body_bytes
        self._is_chunked = length_bytes is None and not exchange.head.is_http_1_0
        self._keeps_alive = exchange.body.has_arrived and exchange.can_keep_alive()
        is_stream = self._is_stream and answer.status == _OK
        head = answer_head(
            answer.status,
            fields + STREAM_FIELDS if is_stream else fields,
            exchange.request_id,
            length_bytes=length_bytes,
            chunked=self._is_chunked,
            keep_alive=self._keeps_alive,
        )
        self._pass_on(data, head)

    def _pass_on(self, data: bytes, head: bytes = b"") -> None:
        self.sent_bytes += len(data)
        self._client.write(head + (chunk([data]) if self._is_chunked else data))

    def _end_answer(self, status: int) -> None:
        if self._is_chunked:
            self._client.write(LAST_CHUNK)
        if self.tells_error:
            self._gate.metrics.observe_stream_error(self._route.model)
        self._exchange.answered(status, keep_alive=self._keeps_alive)

    def _hold(self, held: HeldList, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        """A list is passed on when it is whole and has been cut down."""
        principal, permission = self._exchange.principal, self._route.permission
        assert principal is not None and permission is not None
        try:
            held.add(parts)
            if not complete:
                self._exchange.set_deadline(self._gate.times.upstream_s)
                return
            body = held.cut_down(principal.grants, permission)
        except UpstreamFailed as error:
            self._exchange.failed(error)
            return
        self._begin_answer(answer, [body], complete=True)
        self._end_answer(answer.status)

    def _stop_clock(self) -> None:
        if self._connection is not None:
            self._triton_s = self._gate.now_s() - self._began_s

    def _await_progress(self) -> None:
        if self._exchange.body.has_arrived or self.is_blocked or self.answer_has_begun:
            self._exchange.set_deadline(self._gate.times.upstream_s)
        else:
            self._exchange.await_body()
