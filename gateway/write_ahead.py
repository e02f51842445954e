"""SQLite's write-ahead log, in which readers and the writer do not wait for each other."""

import sqlite3
import time
from collections.abc import Callable

# How long whoever opens a file waits for others that use it.
OPENING_S = 5.0
_PAUSE_S = 0.01


def use_write_ahead_log(
    execute: Callable[[str], object], clock_s: Callable[[], float] = time.monotonic
) -> None:
    """Switch the file to its log, as it stays from then on.

    Of several that do so in a new file at once SQLite refuses some without waiting, since each
    would wait for what the other holds (https://sqlite.org/c3ref/busy_handler.html): they try
    again here. Raises sqlite3.OperationalError where the file is still held after OPENING_S.
    """
    ends_s = clock_s() + OPENING_S
    while True:
        try:
            execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or clock_s() > ends_s:
                raise
        # On an event loop as well, which stands still meanwhile: a file is new but once.
        time.sleep(_PAUSE_S)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    # SQLAlchemy raises some of its own, without a code. Of a code, the lowest byte is the kind.
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY
