"""One connection to Triton, and whose answer comes by it."""

import asyncio
from typing import Protocol, cast

from gateway.data.answer_reader import Answer, AnswerReader
from gateway.errors import HttpError, UpstreamFailed

# Answers up to this size are passed on whole, in one write with their head; larger ones streamed.
HOLD_BYTES = 64 * 1024
# Readers between two answers, the last used first: it is still at hand.
_spare: list[AnswerReader] = []


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
        self._caller: Caller | None = None
        # Of the caller's answer.
        self._reader: AnswerReader | None = None
        self._transport: asyncio.Transport
        self._was_used = False
        self.request_is_sent = True

    def ask(self, caller: Caller, data: bytes, *, is_all: bool) -> None:
        """Begin a request; unless `data` is all of it, `send` brings the rest."""
        self._caller = caller
        self._reader = _spare.pop() if _spare else AnswerReader()
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
        return self._reader is None or not self._reader.raw_bytes

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
        unread = self._was_used and self.is_silent
        self._fail(UpstreamFailed("Triton closed the connection before it answered."), unread)

    def pause_writing(self) -> None:
        if self._caller is not None:
            self._caller.pause_sending()

    def resume_writing(self) -> None:
        if self._caller is not None:
            self._caller.resume_sending()

    def data_received(self, data: bytes) -> None:
        caller, reader = self._caller, self._reader
        if caller is None or reader is None:
            # Nothing was asked: whatever this is, it must not become somebody's answer.
            self.abort()
            return
        try:
            reader.feed(data)
        except HttpError as error:
            self._fail(error)
            return
        answer = reader.answer
        if answer is None:
            return
        is_complete = reader.is_complete
        if not is_complete and _is_small(answer):
            return
        parts = reader.take()
        if is_complete:
            self._caller = self._reader = None
            self._release(reader)
        caller.on_answer(answer, parts, complete=is_complete)

    def _release(self, reader: AnswerReader) -> None:
        transport = self._transport
        reusable = reader.keeps_alive and self.request_is_sent
        # What the buffer still holds of this request would hold up the next.
        if not reusable or transport.is_closing() or transport.get_write_buffer_size():
            self._transport.abort()
            return
        reader.forget()
        _spare.append(reader)
        self._was_used = True
        self._pool.released(self)

    def _fail(self, error: HttpError, unread: bool = False) -> None:
        caller, self._caller = self._caller, None
        self._transport.abort()
        if caller is not None:
            caller.on_lost(error, unread=unread)


def _is_small(answer: Answer) -> bool:
    return answer.body_bytes is not None and answer.body_bytes <= HOLD_BYTES
