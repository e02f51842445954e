"""One client's connection: requests are read as they come and answered in order."""

import asyncio
from collections import deque
from dataclasses import replace
from math import inf
from typing import cast

import httptools

from gateway.data.answers import problem_answer
from gateway.data.crowd import enter, leave
from gateway.data.exchange import Exchange
from gateway.data.faults import answerable
from gateway.data.gate import Gate, new_request_id
from gateway.data.head import (
    CREDENTIALS,
    MAX_HEAD_BYTES,
    MAX_TARGET_BYTES,
    SORTED,
    HeadReader,
    head_size_bytes,
)
from gateway.data.peer import Peer, peer_of
from gateway.data.unread import has_unread
from gateway.errors import (
    Header,
    HeadersTooLarge,
    HttpError,
    MalformedRequest,
    RequestTimeout,
    TooManyConnections,
    UriTooLong,
)

# Requests that a client may send ahead of their turn; past it the connection ends after them.
MAX_PIPELINED = 32
# Bytes of chunk sizes, extensions and trailers that a body may cost, beside eight for each of its
# own: one-byte chunks need six.
MAX_FRAMING_BYTES = 64 * 1024
FRAMING_PER_BYTE = 8
# As many as Triton itself takes since 26.06.
MAX_CHUNKS = 65_536
# Between heads; nothing is ever added to it.
_NOTHING: list[Header] = []


class ClientConnection(asyncio.Protocol):
    """One client; its requests wait in `_queue` for their turn, the first is `_current`."""

    def __init__(self, gate: Gate, connections: "dict[ClientConnection, None]") -> None:
        self._gate = gate
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self.peer = Peer("")
        self.is_retiring = False
        self._queue: deque[Exchange] = deque()
        self._current: Exchange | None = None
        # The exchange whose body is arriving.
        self._receiving: Exchange | None = None
        # Of a head that is being read.
        self._target = b""
        self._headers = _NOTHING
        self._varying = _NOTHING
        self._credentials = _NOTHING
        # Bytes of the last piece of data; of the message that it began or went on with, less what
        # came in one piece with the message before; how many of these were body.
        self._fed_bytes = 0
        self._raw_bytes = 0
        # A request's first byte has come, and not its last.
        self._has_begun = False
        self._body_bytes = 0
        self._chunks = 0
        # The piece of data that is being read, and what came of a head before it.
        self._piece = b""
        self._head_start = bytearray()
        self._reader = HeadReader()
        self._error: HttpError | None = None
        self._is_lingering = False
        # Of the last answer, when its deadline was set.
        self._unread_bytes = 0
        self._is_writable = True
        self._is_held_back = False
        self._is_paused = False
        self.deadline_s = 0.0
        self._idle_from_s = gate.tick_s

    # For the exchange.

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def pause_reading(self) -> None:
        self._is_held_back = True
        self._regulate()

    def resume_reading(self) -> None:
        self._is_held_back = False
        self._regulate()

    def abort(self) -> None:
        self._transport.abort()

    def finished(self, *, keep_alive: bool) -> None:
        """The current exchange has answered."""
        self._current = None
        if not keep_alive:
            self._linger()
            return
        self._idle_from_s = self._gate.tick_s
        self._await_request()
        self._is_held_back = False
        self._proceed()
        self._regulate_if_needed()

    def _await_request(self) -> None:
        """A client that has begun a head is to end it soon, one that has not may be idle."""
        times = self._gate.times
        self._set_deadline(times.head_s if self._has_begun else times.idle_s)

    def _set_deadline(self, seconds: float) -> None:
        self.deadline_s = self._gate.tick_s + seconds

    # For the server.

    @property
    def is_idle(self) -> bool:
        """Whether it has no request in hand, nor the beginning of one, nor an answer to take up."""
        if self._current is not None or self._queue or self._has_begun or self._is_lingering:
            return False
        return not self._transport.get_write_buffer_size() and not has_unread(self._transport)

    def expire(self) -> None:
        """The deadline has passed: of the exchange, of a head half sent, or of an idle client."""
        if self._current is not None:
            self._current.expire()
        elif self._has_begun and not self._is_lingering:
            limit_s = self._gate.times.head_s
            self._refuse(RequestTimeout(f"The request's head took over {limit_s:g} s."))
        elif not self._is_lingering or not self._await_reader():
            self._transport.abort()

    def drain(self) -> None:
        """Close if idle for a while; a request in flight or on its way is answered first."""
        gate = self._gate
        is_quiet = gate.tick_s - self._idle_from_s >= gate.times.drain_idle_s
        if is_quiet:
            self._close_if_idle()

    def retire(self) -> None:
        """Take no request after those that are under way: its certificate holds no more."""
        self.is_retiring = True
        self._close_if_idle()

    def distrust(self) -> None:
        """Nobody vouches for its certificate any more."""
        self.peer = replace(self.peer, ends_s=-inf)

    def _close_if_idle(self) -> None:
        if self.is_idle and not self._transport.is_closing():
            # Over TLS the other end has to agree.
            self._set_deadline(self._gate.times.linger_s)
            self._transport.close()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = peer_of(transport)
        self._set_deadline(self._gate.times.head_s)
        gate = self._gate
        refusal = enter(
            self._connections, gate.addresses, self, self.peer.address, limit=gate.max_connections
        )
        if refusal:
            self._refuse(TooManyConnections(refusal))
            # At once: connections that linger would be over the limit as well.
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        leave(self._connections, self._gate.addresses, self, self.peer.address)
        self._queue.clear()
        current, self._current = self._current, None
        if current is not None:
            current.abandon()

    def pause_writing(self) -> None:
        self._is_writable = False
        if self._current is not None:
            self._current.pause_answer()

    def resume_writing(self) -> None:
        self._is_writable = True
        if self._current is not None:
            self._current.resume_answer()
        self._proceed()
        self._regulate()

    def data_received(self, data: bytes) -> None:
        if self._is_lingering or self._error is not None:
            return
        if not self._raw_bytes and self._current is None:
            self._set_deadline(self._gate.times.head_s)
        self._fed_bytes = len(data)
        self._raw_bytes += self._fed_bytes
        self._piece = data
        self._feed(data)
        # An idle connection holds nothing of what it was sent.
        self._piece = b""
        if self._receiving is None and self._has_begun:
            self._head_start += data[:MAX_HEAD_BYTES]
        self._proceed()
        self._regulate_if_needed()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # RFC 9110, 7.8: a server may ignore it, and what follows is HTTP/1.1 as before.
                self._parser = httptools.HttpRequestParser(self)
                data = data[upgrade.args[0] :]
                continue
            except httptools.HttpParserError as error:
                self._error = _failure(error)
            else:
                # Between messages nothing can be too much.
                self._error = self._excess() if self._raw_bytes else None
            return

    # Called by the parser; they only store.

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = []
        self._varying = []
        self._credentials = []
        self._receiving = None
        self._has_begun = True
        if len(self._queue) >= MAX_PIPELINED:
            raise MalformedRequest(f"Over {MAX_PIPELINED} requests ahead of their turn; wait.")

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # After the head come trailers; nothing of them is passed on.
        if self._receiving is not None:
            return
        known = SORTED.get(name)
        if known is None:
            self._headers.append((name, value))
        elif known in CREDENTIALS:
            self._credentials.append((known, value))
        else:
            self._varying.append((known, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if max(self._raw_bytes, self._fed_bytes) > MAX_HEAD_BYTES:
            headers = self._headers + self._varying + self._credentials
            size_bytes = head_size_bytes(self._target, headers)
            excess = self._head_excess(size_bytes)
            if excess is not None:
                raise excess
        method, version = parser.get_method(), parser.get_http_version()
        self._check_protocol(method, version)
        head, target, token = self._reader.read(
            method,
            self._target,
            self._credentials,
            self._varying,
            self._headers,
            version,
            keep_alive=parser.should_keep_alive(),
        )
        if parser.should_upgrade() and head.body_bytes != 0:
            # The parser would take the body for the other protocol.
            raise MalformedRequest(
                "A request with a body cannot ask for an upgrade; leave Upgrade out "
                "(Java: HttpClient.Version.HTTP_1_1)."
            )
        # Freed at once it is memory for the next of any connection, which the caches still hold.
        self._target = b""
        self._headers = self._varying = self._credentials = _NOTHING
        self._receiving = Exchange(self._gate, self, head, target, token, self._reader.token_hash)
        self._queue.append(self._receiving)
        self._head_start.clear()
        self._body_bytes = 0
        self._chunks = 0

    def _check_protocol(self, method: bytes, version: str) -> None:
        if method == b"CONNECT":
            raise MalformedRequest("There are no tunnels here; leave CONNECT out.")
        if version == "1.0" and b" HTTP/1.0" not in self._head_start + self._piece:
            # The parser knows RTSP and ICE as well, and does not tell them apart.
            raise MalformedRequest("The request is not HTTP; use HTTP/1.1.")

    def on_chunk_header(self) -> None:
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            raise MalformedRequest(f"The body has over {MAX_CHUNKS} chunks; send larger ones.")

    def on_body(self, body: bytes) -> None:
        assert self._receiving is not None
        self._body_bytes += len(body)
        self._receiving.receive(body)

    def on_message_complete(self) -> None:
        assert self._receiving is not None
        self._receiving.received()
        self._receiving = None
        self._raw_bytes = 0
        self._has_begun = False

    # After each piece of data.

    def _proceed(self) -> None:
        """Let the current exchange go on; when there is none, the next has its turn."""
        if self._current is not None:
            self._current.advance()
        while self._current is None and self._queue and self._is_writable:
            self._current = self._queue.popleft()
            self._current.start()
        if self._error is None or self._queue or self._is_lingering:
            return
        if self._current is not None:
            self._current.fail(self._error)
        else:
            self._refuse(self._error)

    def _regulate_if_needed(self) -> None:
        if self._is_paused or self._is_held_back or self._queue:
            self._regulate()

    def _regulate(self) -> None:
        """Read on unless an exchange is held back or requests wait for their turn."""
        should_pause = (self._is_held_back or bool(self._queue)) and not self._is_lingering
        if should_pause == self._is_paused or self._transport.is_closing():
            return
        self._is_paused = should_pause
        if should_pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _head_excess(self, size_bytes: int) -> HttpError | None:
        if len(self._target) > MAX_TARGET_BYTES:
            return UriTooLong(f"The request target has over {MAX_TARGET_BYTES} bytes.")
        if size_bytes > MAX_HEAD_BYTES:
            return HeadersTooLarge(f"The request's head has over {MAX_HEAD_BYTES} bytes.")
        return None

    def _excess(self) -> HttpError | None:
        """The error if what has arrived of a message is more than a fair client sends."""
        if self._receiving is None:
            return self._head_excess(self._raw_bytes)
        framing_bytes = self._raw_bytes - self._body_bytes
        if framing_bytes <= MAX_FRAMING_BYTES + FRAMING_PER_BYTE * self._body_bytes:
            return None
        return MalformedRequest(
            "Chunk extensions or trailers of the body take too much; omit them."
        )

    def _refuse(self, error: HttpError) -> None:
        """Answer what could not be read as a request, and close."""
        self._error = error
        request_id = new_request_id()
        self.write(problem_answer(error, request_id, keep_alive=False))
        self._gate.metrics.observe("", error.status, 0.0)
        self._linger()

    def _linger(self) -> None:
        """Close, but read on for a while: closing on unread bytes would destroy our answer."""
        is_read = self._receiving is None and self._error is None
        self._queue.clear()
        self._is_lingering = True
        if self._transport.is_closing():
            return
        # Closing TLS ends our side alone, and reads on.
        if is_read or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()
            self._regulate()
        self._unread_bytes = self._transport.get_write_buffer_size()
        times = self._gate.times
        self._set_deadline(times.idle_s if self._unread_bytes else times.linger_s)

    def _await_reader(self) -> bool:
        """Whether the client still takes up its last answer; then it gets more time for it."""
        unread_bytes = self._transport.get_write_buffer_size()
        if not 0 < unread_bytes < self._unread_bytes:
            return False
        self._unread_bytes = unread_bytes
        self._set_deadline(self._gate.times.idle_s)
        return True


def _failure(error: Exception) -> HttpError:
    # The parser hides what its callbacks raise behind an error of its own.
    cause = error.__context__
    if cause is None:
        return MalformedRequest(f"The request is not HTTP/1.1: {error}.")
    return answerable(cause)
