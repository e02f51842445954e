"""The part of an exchange that Triton takes part in: request sent on, answer passed back."""

from typing import Protocol

from gateway.data.answers import LAST_CHUNK, answer_head, chunk
from gateway.data.gate import Gate
from gateway.data.head import Head
from gateway.data.routes import Route
from gateway.data.upstream_connection import Answer, UpstreamConnection
from gateway.data.upstream_request import request_head
from gateway.errors import HttpError, Overloaded, RequestTimeout, UpstreamTimeout


class Client(Protocol):
    """The connection that is answered on."""

    def write(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_deadline(self, seconds: float) -> None: ...
    def abort(self) -> None: ...


class Forwarded(Protocol):
    """The exchange that is forwarded, as far as Triton's side needs it."""

    head: Head
    request_id: bytes
    received_bytes: int
    is_received: bool

    def take_body(self) -> list[bytes]:
        """What of the body was received and not taken yet."""

    def is_worth_sending(self) -> bool:
        """Whether enough of the body is held; Triton refuses a body of very many chunks."""

    def can_keep_alive(self) -> bool:
        """Whether the client's connection can serve a further request."""

    def answered(self, status: int, *, keep_alive: bool) -> None:
        """The answer was written in full."""

    def failed(self, error: HttpError) -> None:
        """There will be no answer, or not the rest of it."""


class Forwarding:
    """One request on its way through Triton."""

    __slots__ = (
        "_client",
        "_connection",
        "_exchange",
        "_gate",
        "_is_chunked",
        "_keeps_alive",
        "_retried",
        "_route",
        "answer_has_begun",
    )

    def __init__(self, gate: Gate, client: Client, exchange: Forwarded, route: Route) -> None:
        self._gate = gate
        self._client = client
        self._exchange = exchange
        self._route = route
        self._connection: UpstreamConnection | None = None
        self._retried = False
        self.answer_has_begun = False
        self._is_chunked = False
        self._keeps_alive = False

    def start(self) -> None:
        self._client.set_deadline(self._gate.times.upstream_s)
        self._gate.pool.acquire(self)

    def send_more(self) -> None:
        """More of a body that is too large to be held has arrived."""
        exchange = self._exchange
        if self._connection is None or self._connection.request_is_sent:
            return
        if not exchange.is_worth_sending():
            self._await_progress()
            return
        parts = exchange.take_body()
        if self.answer_has_begun:
            # Triton answered early: it needs no more.
            return
        is_chunked = exchange.head.body_bytes is None
        data = chunk(parts) if is_chunked else b"".join(parts)
        if is_chunked and exchange.is_received:
            data += LAST_CHUNK
        self._connection.send(data, is_last=exchange.is_received)
        self._await_progress()

    def let_go(self) -> None:
        """Closing the connection makes Triton cancel the inference."""
        if self._connection is None:
            self._gate.pool.give_up(self)
        else:
            self._connection.abort()
            self._connection = None

    def timeout(self) -> HttpError:
        """The error that tells what was waited for in vain."""
        times = self._gate.times
        if self._connection is None:
            return Overloaded(f"No connection to Triton was free for {times.upstream_s:g} s.")
        if self._exchange.is_received or self.answer_has_begun:
            return UpstreamTimeout(f"Triton did not answer for {times.upstream_s:g} s.")
        return RequestTimeout(f"Nothing of the body arrived for {times.body_progress_s:g} s.")

    def pause_answer(self) -> None:
        """The client reads slower than Triton writes."""
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_answer(self) -> None:
        if self._connection is not None:
            self._client.set_deadline(self._gate.times.upstream_s)
            self._connection.resume_reading()

    # Called by the pool and its connection.

    def on_connection(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        exchange = self._exchange
        # A body that is whole is sent with its length, however the client framed it.
        size = exchange.received_bytes if exchange.is_received else exchange.head.body_bytes
        head = request_head(
            self._route,
            self._gate.pool.authority,
            exchange.head.forwarded,
            exchange.request_id,
            body_bytes=size,
        )
        parts = exchange.take_body()
        body = chunk(parts) if size is None else b"".join(parts)
        # First: Triton may read so slowly that asking pauses the client at once.
        self._client.resume_reading()
        connection.ask(self, head + body, is_all=exchange.is_received)
        self._await_progress()

    def on_unavailable(self, error: HttpError) -> None:
        self._exchange.failed(error)

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        self._connection = None
        if unread and self._route.method == b"GET" and not self._retried:
            # Closed while it was idle; asking again changes nothing on the other side.
            self._retried = True
            self.start()
            return
        self._exchange.failed(error)

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        if complete:
            self._connection = None
        if not self.answer_has_begun:
            self._begin_answer(answer, parts, complete=complete)
        elif self._is_chunked:
            self._client.write(chunk(parts))
        else:
            self._client.write(b"".join(parts))
        if not complete:
            self._client.set_deadline(self._gate.times.upstream_s)
            return
        if self._is_chunked:
            self._client.write(LAST_CHUNK)
        self._exchange.answered(answer.status, keep_alive=self._keeps_alive)

    def pause_sending(self) -> None:
        self._client.pause_reading()

    def resume_sending(self) -> None:
        self._client.resume_reading()

    def _begin_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        exchange = self._exchange
        self.answer_has_begun = True
        length_bytes = sum(map(len, parts)) if complete else answer.body_bytes
        self._is_chunked = length_bytes is None and not exchange.head.is_http_1_0
        self._keeps_alive = exchange.is_received and exchange.can_keep_alive()
        head = answer_head(
            answer.status,
            answer.headers,
            exchange.request_id,
            length_bytes=length_bytes,
            chunked=self._is_chunked,
            keep_alive=self._keeps_alive,
        )
        body = chunk(parts) if self._is_chunked else b"".join(parts)
        self._client.write(head + body)

    def _await_progress(self) -> None:
        times = self._gate.times
        is_received = self._exchange.is_received
        self._client.set_deadline(times.upstream_s if is_received else times.body_progress_s)
