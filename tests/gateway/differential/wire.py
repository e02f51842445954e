"""A client that keeps its connection and hides nothing of what it is answered."""

import socket
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import httptools

PATIENCE_S = 20.0
# Fields that belong to the connection or to the gateway, and are no part of the server's answer.
OURS = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "server",
        "transfer-encoding",
        "via",
        "x-request-id",
    }
)


@dataclass
class Answer:
    """An answer to the byte; `broken` tells how the connection ended if there was none."""

    status: int = 0
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    broken: str = ""

    def field(self, name: str) -> str | None:
        return next((value for given, value in self.fields if given == name), None)

    def end_to_end(self) -> list[tuple[str, str]]:
        """What must be the same on both sides of the gateway."""
        return sorted(field for field in self.fields if field[0] not in OURS)

    def through_gateway(self) -> list[tuple[str, str]]:
        """The same, with what the gateway adds to a stream of events."""
        fields = self.end_to_end()
        is_stream = (self.field("content-type") or "").startswith("text/event-stream")
        if self.status == 200 and is_stream:
            fields += [("cache-control", "no-store"), ("x-accel-buffering", "no")]
        return sorted(fields)


class _Reader:
    """Collects the answers of one connection from its parser."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.whole: deque[Answer] = deque()
        self.keeps_alive = True
        self._answer = Answer()

    def on_message_begin(self) -> None:
        self._answer = Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.fields.append((name.decode().lower(), value.decode()))

    def on_headers_complete(self) -> None:
        self._answer.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        self.whole.append(self._answer)
        self.keeps_alive = self.parser.should_keep_alive()


class KeepAliveClient:
    """Asks one request after the other, on one connection as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._reader = _Reader()

    def ask(self, request: bytes) -> Answer:
        """What is answered to the bytes of one request."""
        was_kept = self._socket is not None
        answer = self._ask(request)
        # Servers may close a connection that they kept, and say nothing of it.
        return self._ask(request) if answer.broken and was_kept else answer

    def ask_in_pieces(self, pieces: Iterable[bytes]) -> Answer:
        """The answer to one request that is written piece by piece."""
        for piece in pieces:
            self._connect().sendall(piece)
        return self._read()

    def ask_ahead(self, requests: Sequence[bytes]) -> list[Answer]:
        """All requests are written before the first answer is read."""
        self._connect().sendall(b"".join(requests))
        return [self._read() for _ in requests]

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, request: bytes) -> Answer:
        try:
            self._connect().sendall(request)
            return self._read()
        except OSError as error:
            self.close()
            return Answer(broken=str(error))

    def _read(self) -> Answer:
        connection, reader = self._connect(), self._reader
        while not reader.whole:
            data = connection.recv(2**16)
            if not data:
                raise ConnectionError("closed")
            reader.parser.feed_data(data)
        if not reader.keeps_alive:
            self.close()
        return reader.whole.popleft()

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = _Reader()
        return self._socket
