"""What became of a request, in the words that every transport shares."""

import errno
import os
import socket
import ssl
from typing import NamedTuple, Protocol

LIMITED = "429"


class Answer(NamedTuple):
    """`failure` is empty after a good answer, LIMITED where a limit refused, else a name."""

    failure: str = ""
    first_event_at: float = 0.0  # time.monotonic(); of streams
    size_bytes: int = 0


# Also of an answer that came after its time: a timer that fires late changes nothing of that.
TIMED_OUT = Answer("timeout")


class Ready(Protocol):
    """A request that only needs sending."""

    @property
    def name(self) -> str:
        """Model and batch, for people."""


class Sender(Protocol):
    """A transport, in one process; its `send` may be called from many greenlets at once."""

    def send(self, request: Ready) -> Answer:
        """Send, wait for the end of the answer, and never raise because of the other side."""

    def close(self) -> None:
        """End the connections."""


def failure_name(error: Exception) -> str:
    """A short name that stays the same from one such failure to the next."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or 'broken off'}"
    if isinstance(error, socket.gaierror):
        return "host name not found"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "connection reset"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.EADDRNOTAVAIL):
        return f"generator: {os.strerror(error.errno).lower()}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return type(error).__name__
