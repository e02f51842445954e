"""One connection to Triton and the reading of its answers, which are not trusted."""

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from gateway.errors import Header, HttpError, UpstreamFailed

MAX_ANSWER_HEAD_BYTES = 64 * 1024
# Answers up to this size are passed on whole, in one write with their head; larger ones streamed.
HOLD_BYTES = 64 * 1024
_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of Triton's answer."""

    status: int
    headers: list[Header]
    # None: chunked.
    body_bytes: int | None


class Caller(Protocol):
    """What asks Triton; `on_connection` and `on_unavailable` may come within `acquire`."""

    def on_connection(self, connection: "UpstreamConnection") -> None:
        """A connection is the caller's until it has answered or is aborted."""

    def on_unavailable(self, error: HttpError) -> None:
        """There will be no connection."""

    def on_answer(self, answer: Answer, parts: list[bytes], *, complete: bool) -> None:
        """The head is there, and with it these parts of the body."""

    def on_lost(self, error: HttpError, *, unread: bool) -> None:
        """Triton broke off; unread: a kept connection that may have been closed before we wrote."""

    def pause_sending(self) -> None:
        """Triton reads slower than the caller writes."""

    def resume_sending(self) -> None:
        """Triton has caught up."""


class Owner(Protocol):
    """The pool, as far as a connection needs it."""

    def opened(self, connection: "UpstreamConnection") -> None: ...
    def released(self, connection: "UpstreamConnection") -> None: ...
    def closed(self, connection: "UpstreamConnection") -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """Carries one request at a time and is used again only if its answer was read to the end."""

    def __init__(self, pool: Owner) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._caller: Caller | None = None
        self._transport: asyncio.Transport
        self._was_used = False
        self.request_is_sent = True
        self._head_bytes = 0
        self._headers: list[Header] = []
        self._answer: Answer | None = None
        self._parts: list[bytes] = []
        self._complete = False
        self._keep_alive = False
        self._has_excess = False

    def ask(self, caller: Caller, data: bytes, *, is_all: bool) -> None:
        """Begin a request; unless `data` is all of it, `send` brings the rest."""
        self._caller = caller
        self.request_is_sent = is_all
        self._transport.write(data)

    def send(self, data: bytes, *, is_last: bool) -> None:
        self.request_is_sent = is_last
        if data:
            self._transport.write(data)

    def abort(self) -> None:
        """Close now; Triton cancels the inference when its client's connection ends."""
        self._caller = None
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._pool.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.closed(self)
        unread = self._was_used and not self._head_bytes
        self._fail(UpstreamFailed("Triton closed the connection before it answered."), unread)

    def pause_writing(self) -> None:
        if self._caller is not None:
            self._caller.pause_sending()

    def resume_writing(self) -> None:
        if self._caller is not None:
            self._caller.resume_sending()

    def data_received(self, data: bytes) -> None:
        if self._caller is None:
            # Nothing was asked: whatever this is, it must not become somebody's answer.
            self.abort()
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(_failure(error))
            return
        if self._answer is not None:
            if self._complete or not _is_small(self._answer):
                self._deliver(self._caller, self._answer)
        elif self._head_bytes > MAX_ANSWER_HEAD_BYTES:
            limit = MAX_ANSWER_HEAD_BYTES
            self._fail(UpstreamFailed(f"The head of Triton's answer has over {limit} bytes."))

    # Called by the parser; they only store.

    def on_message_begin(self) -> None:
        self._has_excess = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._answer is None and status >= 200:
            self._answer = Answer(status, self._headers, _body_bytes(status, self._headers))

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._answer is None:
            # An interim answer (1xx).
            self._headers = []
            return
        if not self._complete:
            self._keep_alive = self._parser.should_keep_alive()
        self._complete = True

    def _deliver(self, caller: Caller, answer: Answer) -> None:
        parts, self._parts = self._parts, []
        complete = self._complete
        if complete:
            self._caller = None
            self._release()
        caller.on_answer(answer, parts, complete=complete)

    def _release(self) -> None:
        reusable = self._keep_alive and self.request_is_sent and not self._has_excess
        if not reusable or self._transport.is_closing():
            self._transport.abort()
            return
        self._head_bytes = 0
        self._headers = []
        self._answer = None
        self._complete = False
        self._was_used = True
        self._pool.released(self)

    def _fail(self, error: HttpError, unread: bool = False) -> None:
        caller, self._caller = self._caller, None
        self._transport.abort()
        if caller is not None:
            caller.on_lost(error, unread=unread)


def _is_small(answer: Answer) -> bool:
    return answer.body_bytes is not None and answer.body_bytes <= HOLD_BYTES


def _failure(error: Exception) -> HttpError:
    # The parser hides what its callbacks raise behind an error of its own.
    if isinstance(error.__context__, HttpError):
        return error.__context__
    return UpstreamFailed(f"Triton's answer is not HTTP ({error}).")


def _body_bytes(status: int, headers: list[Header]) -> int | None:
    fields = {name.lower(): value for name, value in headers}
    if status in _NO_BODY:
        return 0
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        return None
    if b"content-length" not in fields:
        raise UpstreamFailed("Triton's answer has no length; the end of it could not be told.")
    return int(fields[b"content-length"])
