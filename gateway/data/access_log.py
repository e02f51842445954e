"""One line of JSON for each request; never a secret, never a body."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

FLUSH_BYTES = 64 * 1024
STDOUT = "-"

_log = structlog.get_logger()


class Entry(msgspec.Struct, gc=False, omit_defaults=True):
    """What is told of one request; what has its default is left out."""

    request_id: str
    peer: str
    method: str
    path: str
    status: int
    duration_ms: float
    received_bytes: int
    sent_bytes: int
    # Part of the duration that Triton took, from the request's first byte to the answer's last.
    triton_ms: float = 0.0
    tenant: str = ""
    principal: str = ""
    model: str = ""
    # Of the problem that the gateway answered with.
    code: str = ""
    traceparent: str = ""
    time: str = ""


class AccessLog:
    """Lines are gathered and written together; a file that was moved away is opened anew.

    What cannot be written is dropped and said once: requests do not wait for a disk.
    """

    def __init__(self, path: str, now_s: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now_s = now_s
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder()
        self._second = 0
        self._second_text = ""
        self._is_failing = False
        self._file = self._open()

    def write(self, entry: Entry) -> None:
        entry.time = self._time()
        self._encoder.encode_into(entry, self._buffer, -1)
        self._buffer += b"\n"
        if len(self._buffer) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; called several times a second."""
        if not self._buffer:
            return
        lines, self._buffer = self._buffer, bytearray()
        try:
            self._follow_rotation()
            # One write of whole lines: files of several workers do not mix within a line.
            os.write(self._file, lines)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                _log.error("access_log_unwritable", path=self._path, error=str(error))
            self._is_failing = True

    def close(self) -> None:
        self.flush()
        if self._path != STDOUT:
            os.close(self._file)

    def _time(self) -> str:
        now_s = self._now_s()
        second = int(now_s)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((now_s - second) * 1000):03d}Z"

    def _open(self) -> int:
        if self._path == STDOUT:
            return 1
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def _follow_rotation(self) -> None:
        if self._path == STDOUT:
            return
        try:
            is_same = os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            is_same = False
        if not is_same:
            old, self._file = self._file, self._open()
            os.close(old)
