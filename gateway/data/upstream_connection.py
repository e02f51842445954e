"""One connection to Triton and the reading of its answers, which are not trusted."""

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from gateway.data.answers import passed_on
from gateway.errors import Header, HttpError, UpstreamFailed

MAX_ANSWER_HEAD_BYTES = 64 * 1024
# Bytes of chunk sizes, extensions and trailers of an answer, beside eight for each of its body.
MAX_FRAMING_BYTES = 64 * 1024
FRAMING_PER_BYTE = 8
# Answers up to this size are passed on whole, in one write with their head; larger ones streamed.
HOLD_BYTES = 64 * 1024
_NO_BODY = frozenset({204, 304})
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of Triton's answer."""

    status: int
    # Lines of a head: what the client gets of its fields.
    fields: bytes
    # None: chunked.
    body_bytes: int | None


class _Heads:
    """Triton mostly says the same again: the last head, and what it was read from.

    One for all connections: among many it stays at hand, where their own would have to be fetched.
    """

    __slots__ = ("_answer", "_headers", "_status")

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[Header] = []
        self._answer: Answer | None = None

    def read(self, status: int, headers: list[Header]) -> Answer:
        """The answer that this head begins. Raises UpstreamFailed."""
        answer = self._answer
        if answer is None or status != self._status or headers != self._headers:
            answer = Answer(status, passed_on(headers), _body_bytes(status, headers))
            self._status, self._headers, self._answer = status, headers, answer
        return answer


_heads = _Heads()


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
    def broke(self) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """Carries one request at a time and is used again only if its answer was read to the end."""

    def __init__(self, pool: Owner) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._caller: Caller | None = None
        self._transport: asyncio.Transport
        self._was_used = False
        self.request_is_sent = True
        self._raw_bytes = 0
        self._received_bytes = 0
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

    @property
    def is_silent(self) -> bool:
        """Whether no byte of the answer has come."""
        return not self._raw_bytes

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._pool.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._caller is not None:
            self._pool.broke()
        self._pool.closed(self)
        unread = self._was_used and not self._raw_bytes
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
        self._raw_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(_failure(error))
            return
        if self._answer is not None:
            if self._raw_bytes > MAX_FRAMING_BYTES and self._frames_too_much():
                text = "Chunk extensions or trailers of Triton's answer take too much."
                self._fail(UpstreamFailed(text))
            elif self._complete or not _is_small(self._answer):
                self._deliver(self._caller, self._answer)
        elif self._raw_bytes > MAX_ANSWER_HEAD_BYTES:
            self._fail(_head_too_large())

    def _frames_too_much(self) -> bool:
        framing_bytes = self._raw_bytes - self._received_bytes
        return framing_bytes > MAX_FRAMING_BYTES + FRAMING_PER_BYTE * self._received_bytes

    # Called by the parser; they only store.

    def on_message_begin(self) -> None:
        self._has_excess = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 100 or self._parser.get_http_version() != "1.1":
            raise UpstreamFailed("Triton's answer is not HTTP/1.1.")
        if self._raw_bytes > MAX_ANSWER_HEAD_BYTES and _size_bytes(self._headers) > (
            MAX_ANSWER_HEAD_BYTES
        ):
            raise _head_too_large()
        if self._answer is None and status >= 200:
            self._answer = _heads.read(status, self._headers)

    def on_body(self, body: bytes) -> None:
        if self._answer is None:
            raise UpstreamFailed("An interim answer of Triton's has a body.")
        if not self._complete:
            self._received_bytes += len(body)
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
        transport = self._transport
        reusable = self._keep_alive and self.request_is_sent and not self._has_excess
        # What the buffer still holds of this request would hold up the next.
        if not reusable or transport.is_closing() or transport.get_write_buffer_size():
            self._transport.abort()
            return
        self._raw_bytes = 0
        self._received_bytes = 0
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


def _head_too_large() -> UpstreamFailed:
    return UpstreamFailed(f"The head of Triton's answer has over {MAX_ANSWER_HEAD_BYTES} bytes.")


def _size_bytes(headers: list[Header]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _is_small(answer: Answer) -> bool:
    return answer.body_bytes is not None and answer.body_bytes <= HOLD_BYTES


def _failure(error: Exception) -> HttpError:
    # The parser hides what its callbacks raise behind an error of its own.
    if isinstance(error.__context__, HttpError):
        return error.__context__
    return UpstreamFailed(f"Triton's answer is not HTTP ({error}).")


def _body_bytes(status: int, headers: list[Header]) -> int | None:
    framing = [(name.lower(), value) for name, value in headers if name.lower() in _FRAMING]
    if status in _NO_BODY:
        return 0
    if not framing:
        raise UpstreamFailed("Triton's answer has no length; the end of it could not be told.")
    if len(framing) > 1:
        raise UpstreamFailed("Triton's answer tells its length more than once.")
    name, value = framing[0]
    if name == b"content-length":
        return int(value)
    if value.lower() != b"chunked":
        raise UpstreamFailed("Triton's answer has a Transfer-Encoding other than chunked.")
    return None
