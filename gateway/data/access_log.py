"""Lines of JSON, one for a request; never a secret, never a body."""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

import structlog

FLUSH_LINES = 256
STDOUT = "-"
# Those who gather logs may read it, by its group.
_MODE = 0o640

_LINE = (
    b'{"time":"%b.%03dZ","request_id":"%b",%b,%b,"method":"%b",%b,"status":%d,"duration_us":%d,"triton_us":%d,'
    b'"received_bytes":%d,"sent_bytes":%d,"traceparent":"%b"%b}\n'
)
_log = structlog.get_logger()


class AccessLog:
    """Lines are gathered and written together; a file that was moved away is opened anew.

    What cannot be written is dropped and said once: requests do not wait for a disk.
    """

    def __init__(
        self, path: str, *, share: float = 1.0, now_s: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        # Of the answers below 400; evenly, so that a rate can be told from the lines.
        self._share = share
        self._due = 0.0
        self._now_s = now_s
        self._lines: list[bytes] = []
        self._second = 0
        self._second_text = b""
        self._is_failing = False
        self._is_closed = False
        self._file = self._open()

    def wants(self, status: int) -> bool:
        """Whether a line is to be written: for each error, and for the share of the others."""
        if self._share == 1.0 or status >= 400:
            return True
        self._due += self._share
        if self._due < 1.0:
            return False
        self._due -= 1.0
        return True

    def write(
        self,
        request_id: bytes,
        peer: bytes,
        principal: bytes,
        method: bytes,
        target: bytes,
        *,
        status: int,
        code: str,
        seconds: float,
        triton_s: float,
        received_bytes: int,
        sent_bytes: int,
        traceparent: bytes,
    ) -> None:
        """Add a line. `peer`, `principal` and `target` come of `members`; `code` may be empty.

        `triton_s` is the part of the seconds that Triton took, from the request's first byte to
        the answer's last.
        """
        now_s = self._now_s()
        second = int(now_s)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        self._lines.append(
            _LINE
            % (
                self._second_text,
                (now_s - second) * 1000,
                request_id,
                peer,
                principal,
                method,
                target,
                status,
                seconds * 1e6,
                triton_s * 1e6,
                received_bytes,
                sent_bytes,
                traceparent,
                b',"code":"%b"' % code.encode() if code else b"",
            )
        )
        if len(self._lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; called several times a second."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        if self._is_closed:
            # The number may be another file's by now.
            return
        try:
            if self._path == STDOUT:
                self._write_to_pipe(lines)
            else:
                self._follow_rotation()
                # One write of whole lines: those of several workers do not mix within a line.
                os.write(self._file, b"".join(lines))
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                _log.error("access_log_unwritable", path=self._path, error=str(error))
            self._is_failing = True

    def close(self) -> None:
        """Write what is left; what comes after goes nowhere."""
        self.flush()
        self._is_closed = True
        if self._path != STDOUT:
            os.close(self._file)

    def _open(self) -> int:
        if self._path == STDOUT:
            return 1
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            file = os.open(self._path, flags | os.O_EXCL, _MODE)
        except FileExistsError:
            return os.open(self._path, flags, _MODE)
        # The process makes all other files its own alone.
        os.fchmod(file, _MODE)
        return file

    def _write_to_pipe(self, lines: list[bytes]) -> None:
        """A pipe takes no more than PIPE_BUF bytes without mixing in others'; a full one is not
        waited for."""
        batch = b""
        for line in [*lines, b""]:
            if batch and (not line or len(batch) + len(line) > select.PIPE_BUF):
                if not select.select([], [self._file], [], 0)[1]:
                    raise BlockingIOError("its reader is too slow; lines were dropped")
                os.write(self._file, batch)
                batch = b""
            batch += line

    def _follow_rotation(self) -> None:
        try:
            is_same = os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            is_same = False
        if not is_same:
            old, self._file = self._file, self._open()
            os.close(old)
