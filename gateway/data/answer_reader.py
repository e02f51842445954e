"""Reads one answer of Triton's, which is not trusted."""

from dataclasses import dataclass

import httptools

from gateway.data.answers import passed_on
from gateway.errors import Header, HttpError, UpstreamFailed

MAX_ANSWER_HEAD_BYTES = 64 * 1024
# Bytes of chunk sizes, extensions and trailers of an answer, beside eight for each of its body.
MAX_FRAMING_BYTES = 64 * 1024
FRAMING_PER_BYTE = 8
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


class AnswerReader:
    """One for the answer that is being read, and then for another's: a parser with what hangs on it
    is a kB that each connection would have to fetch for itself.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        # Of the answer: all bytes that came, and those of its body.
        self.raw_bytes = 0
        self._body_bytes = 0
        self._headers: list[Header] = []
        # None: its head is not there yet.
        self.answer: Answer | None = None
        # Of the body, what was not taken yet.
        self.parts: list[bytes] = []
        self.is_complete = False
        self._keep_alive = False
        self._has_excess = False

    def feed(self, data: bytes) -> None:
        """Read on. Raises UpstreamFailed, and then it is not to be used again."""
        self.raw_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise _failure(error) from None
        if self.answer is None:
            if self.raw_bytes > MAX_ANSWER_HEAD_BYTES:
                raise _head_too_large()
        elif self.raw_bytes > MAX_FRAMING_BYTES and self._frames_too_much():
            raise UpstreamFailed("Chunk extensions or trailers of Triton's answer take too much.")

    def take(self) -> list[bytes]:
        """The parts of the body that came since."""
        parts, self.parts = self.parts, []
        return parts

    @property
    def keeps_alive(self) -> bool:
        """Whether the answer ended as one after which another may come."""
        return self._keep_alive and not self._has_excess

    def forget(self) -> None:
        """Be ready for the next answer; only after one that is complete and keeps alive."""
        self.raw_bytes = self._body_bytes = 0
        self._headers = []
        self.answer = None
        self.is_complete = False

    def _frames_too_much(self) -> bool:
        framing_bytes = self.raw_bytes - self._body_bytes
        return framing_bytes > MAX_FRAMING_BYTES + FRAMING_PER_BYTE * self._body_bytes

    # Called by the parser; they only store.

    def on_message_begin(self) -> None:
        self._has_excess = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.answer is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 100 or self._parser.get_http_version() != "1.1":
            raise UpstreamFailed("Triton's answer is not HTTP/1.1.")
        if self.raw_bytes > MAX_ANSWER_HEAD_BYTES and _size_bytes(self._headers) > (
            MAX_ANSWER_HEAD_BYTES
        ):
            raise _head_too_large()
        if self.answer is None and status >= 200:
            self.answer = _heads.read(status, self._headers)

    def on_body(self, body: bytes) -> None:
        if self.answer is None:
            raise UpstreamFailed("An interim answer of Triton's has a body.")
        if not self.is_complete:
            self._body_bytes += len(body)
            self.parts.append(body)

    def on_message_complete(self) -> None:
        if self.answer is None:
            # An interim answer (1xx).
            self._headers = []
            return
        if not self.is_complete:
            self._keep_alive = self._parser.should_keep_alive()
        self.is_complete = True


def _head_too_large() -> UpstreamFailed:
    return UpstreamFailed(f"The head of Triton's answer has over {MAX_ANSWER_HEAD_BYTES} bytes.")


def _size_bytes(headers: list[Header]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


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
