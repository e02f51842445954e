"""A client that keeps its connection and hides nothing of what it is answered."""

import socket
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
    """Collects one answer from the parser."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.is_whole = False
        self.keeps_alive = False
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.answer.fields.append((name.decode().lower(), value.decode()))

    def on_headers_complete(self) -> None:
        self.answer.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.answer.body += body

    def on_message_complete(self) -> None:
        self.is_whole = True
        self.keeps_alive = self.parser.should_keep_alive()


class KeepAliveClient:
    """Asks one request after the other, on one connection as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> Answer:
        """What is answered to the bytes of one request."""
        was_kept = self._socket is not None
        answer = self._ask(request)
        # Servers may close a connection that they kept, and say nothing of it.
        return self._ask(request) if answer.broken and was_kept else answer

    def _ask(self, request: bytes) -> Answer:
        connection = self._connect()
        reader = _Reader()
        try:
            connection.sendall(request)
            while not reader.is_whole:
                data = connection.recv(2**16)
                if not data:
                    raise ConnectionError("closed")
                reader.parser.feed_data(data)
        except OSError as error:
            self.close()
            return Answer(broken=str(error))
        if not reader.keeps_alive:
            self.close()
        return reader.answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket
