"""HTTP/1.1 over gevent's sockets: requests that are bytes already, answers parsed by llhttp.

FastHttpUser builds each request anew and keeps cookies and headers of each answer; a load test of
one path needs none of it.
"""

import select
import ssl
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import gevent
import httptools
from gevent import socket as gevent_socket
from gevent import ssl as gevent_ssl

from loadtest.errors import OptionError
from loadtest.infer_body import InferBody
from loadtest.transports.answers import LIMITED, TIMED_OUT, Answer, failure_name

_RECEIVE_BYTES = 1 << 16
# Smaller bodies go out together with the head, in one call of the kernel.
_TOGETHER_BYTES = 1 << 16
_JSON = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class HttpRequest:
    """A request as bytes; requests with different keys share the content."""

    name: str
    head: bytes
    content: bytes


class Connection:
    """One keep-alive connection with at most one request on it."""

    def __init__(self, sock: gevent_socket.socket) -> None:
        self._sock = sock
        self._parser = httptools.HttpResponseParser(self)
        self.done = False
        self.reusable = False
        self.status = 0
        self.size_bytes = 0

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        self.reusable = self._parser.should_keep_alive()
        self.done = True

    def exchange(self, request: HttpRequest) -> None:
        """Send, and wait until the answer is whole."""
        self.done = False
        self.size_bytes = 0
        if len(request.content) <= _TOGETHER_BYTES:
            self._sock.sendall(request.head + request.content)
        else:
            self._sock.sendall(request.head)
            self._sock.sendall(request.content)
        while not self.done:
            data = self._sock.recv(_RECEIVE_BYTES)
            if not data:
                raise _ClosedError
            self.size_bytes += len(data)
            self._parser.feed_data(data)

    def answer(self) -> Answer:
        """What the exchange came to."""
        return Answer(_failure_of(self.status), size_bytes=self.size_bytes)

    def is_idle(self) -> bool:
        """Whether it is still open; a server may end a connection that nobody uses."""
        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._sock.close()


class _ClosedError(Exception):
    """The other side ended the connection before its answer was whole."""


class HttpSender:
    """Sends to one server; makes connections as they are needed and keeps them."""

    connection_type = Connection

    def __init__(self, url: str, *, ca_file: str = "", timeout_s: float = 30.0) -> None:
        where = check_url(url)
        self._host = where.hostname or ""
        self._port = where.port or (443 if where.scheme == "https" else 80)
        self._tls = tls_context(ca_file) if where.scheme == "https" else None
        self._timeout_s = timeout_s
        self._idle: list[Connection] = []

    def send(self, request: HttpRequest) -> Answer:
        """Send, wait for the end of the answer, and never raise because of the other side."""
        connection: Connection | None = None
        late_from = time.monotonic() + self._timeout_s
        timeout = gevent.Timeout.start_new(self._timeout_s)
        try:
            connection = self._connection()
            connection.exchange(request)
            answer = connection.answer()
            if connection.reusable:
                self._idle.append(connection)
                connection = None
            return TIMED_OUT if time.monotonic() > late_from else answer
        except gevent.Timeout as expired:
            if expired is not timeout:
                raise
            return TIMED_OUT
        except _ClosedError:
            return Answer("connection closed")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return Answer("not HTTP")
        except OSError as error:
            return Answer(failure_name(error))
        finally:
            timeout.close()
            if connection is not None:
                connection.close()

    def close(self) -> None:
        """End the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_idle():
                return connection
            connection.close()
        sock = gevent_socket.create_connection((self._host, self._port))
        try:
            sock.setsockopt(gevent_socket.IPPROTO_TCP, gevent_socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise
        return self.connection_type(sock)


class StreamConnection(Connection):
    """Sees the events of `generate_stream` pass by."""

    def __init__(self, sock: gevent_socket.socket) -> None:
        super().__init__(sock)
        self._start = b""
        self._tail = b""
        self._error = False
        self._first_event_at = 0.0

    def exchange(self, request: HttpRequest) -> None:
        self._start = self._tail = b""
        self._error = False
        self._first_event_at = 0.0
        super().exchange(request)

    def on_body(self, data: bytes) -> None:
        if not self._first_event_at:
            self._start += data
            if b"\n\n" in self._start or b"\r\n\r\n" in self._start:
                self._first_event_at = time.monotonic()
                self._start = b""
        # An event may be cut anywhere.
        seen = self._tail + data
        self._error |= any(mark in seen for mark in _ERROR_EVENTS)
        self._tail = seen[-len(_ERROR_EVENTS[0]) :]

    def answer(self) -> Answer:
        failure = _failure_of(self.status)
        if not failure and self._error:
            failure = "error event"
        elif not failure and not self._first_event_at:
            failure = "no event"
        return Answer(failure, self._first_event_at, self.size_bytes)


class StreamSender(HttpSender):
    """As HttpSender, for `generate_stream`."""

    connection_type = StreamConnection


_ERROR_EVENTS = (b'data: {"error"', b'data:{"error"')


def infer_request(
    url: str, path: str, body: InferBody, *, name: str, key: str | None
) -> HttpRequest:
    """A request of `infer`, ready to be sent."""
    return HttpRequest(name, _head(url, path, body.headers, len(body.content), key), body.content)


def stream_request(url: str, path: str, body: bytes, *, name: str, key: str | None) -> HttpRequest:
    """A request of `generate_stream`, ready to be sent."""
    return HttpRequest(name, _head(url, path, _JSON, len(body), key), body)


def check_url(url: str) -> SplitResult:
    """The parts of a URL. Raises OptionError unless requests can be sent there."""
    where = urlsplit(url)
    try:
        fit = where.scheme in ("http", "https") and where.hostname and where.port != 0
    except ValueError:
        fit = False
    if not fit or where.path.strip("/") or where.query:
        raise OptionError(f"{url!r} is no address of a server; write http://HOST:PORT.")
    return where


def tls_context(ca_file: str) -> gevent_ssl.SSLContext:
    """Certificates are always verified: by the given authorities, else by the system's."""
    try:
        return gevent_ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise OptionError(f"{ca_file} cannot be read as certificates: {error}.") from None


def _head(url: str, path: str, headers: dict[str, str], length: int, key: str | None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode()


def _failure_of(status: int) -> str:
    if status == 200:
        return ""
    return LIMITED if status == 429 else str(status)
