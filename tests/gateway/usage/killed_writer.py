"""Kills a process that writes usage at each of its lines; others write the rest, each count once.

`python -m tests.gateway.usage.killed_writer FOLDER ROLE EVERY` prints how many were killed, each a
process with records of its own: at the first line of its code, of SQLite's driver or of the
driver's thread, then EVERY lines later, until one comes to its end. ROLE is `writer`, which counts
and writes, or `adopter`, which writes what a killed one left.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from gateway.records.migrate import migrate
from gateway.records.store import Records
from gateway.usage.accumulator import Usage
from gateway.usage.meter import Meter
from gateway.usage.spool import Spool
from gateway.usage.writer import UsageWriter

_WATCHED = ("gateway/usage/writer.py", "gateway/usage/spool.py", "gateway/records/usage.py")
_DRIVER = "aiosqlite/core.py"
_ROUNDS = 2
Role = Callable[[Path, int], Coroutine[None, None, None]]


def main() -> int:
    """How many writers were killed: one at each line, and the last one came to its end."""
    folder, role, every = Path(sys.argv[1]), _ROLES[sys.argv[2]], int(sys.argv[3])
    template = folder / "template"
    template.mkdir()
    asyncio.run(migrate(_url(template)))
    # Its log would be another file's.
    _leave_the_log(template)
    line, killed = 1, 0
    while _is_killed_at(line, role, template, folder / str(line)):
        line += every
        killed += 1
    return killed


def _is_killed_at(line: int, role: Role, template: Path, folder: Path) -> bool:
    shutil.copytree(template, folder)
    reading, writing = os.pipe()
    if role is _adopt:
        _in_child(lambda: asyncio.run(_leave(folder, writing)))
    status = _in_child(lambda: _run_until(line, role(folder, writing)))
    os.close(writing)
    told = b"".join(iter(lambda: os.read(reading, 100), b""))
    os.close(reading)
    is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert is_killed or status == 0
    for _ in range(2):
        # Once more: what was adopted is not there to be adopted again.
        asyncio.run(_adopt(folder, writing))
    found = _requests(folder)
    safe, counted = told.count(b"s"), told.count(b"c")
    assert safe <= found <= counted, f"line {line}: {safe} <= {found} <= {counted}"
    assert not list((folder / "usage").glob("*")), f"line {line}: a file was left"
    shutil.rmtree(folder)
    return is_killed


def _in_child(work: Callable[[], None]) -> int:
    """What became of a process that does this."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


# Told are `c` before a request is counted and `s` once it must not be lost.


async def _write(folder: Path, telling: int) -> None:
    records, usage = Records(_url(folder)), Usage()
    writer = UsageWriter(records.usage, usage, folder / "usage")
    kept = _meter()
    for _ in range(_ROUNDS):
        # What counts again has its row changed; what is new has one added.
        for meter in (kept, _meter(), kept):
            _count(usage, meter, telling)
            writer.gather()
            os.write(telling, b"s")
        await writer.write()
    _count(usage, kept, telling)
    await writer.finish()
    os.write(telling, b"s")
    await records.close()


async def _adopt(folder: Path, _telling: int) -> None:
    records = Records(_url(folder))
    try:
        await UsageWriter(records.usage, Usage(), folder / "usage").adopt()
    finally:
        await records.close()


async def _leave(folder: Path, telling: int) -> None:
    """End with a spool of three batches, of which the records have the first."""
    records, usage = Records(_url(folder)), Usage()
    writer = UsageWriter(records.usage, usage, folder / "usage")
    with patch.object(Spool, "replace"):
        for number in range(3):
            _count(usage, _meter(), telling)
            writer.close()
            os.write(telling, b"s")
            if number == 0:
                await writer.write()
    os._exit(0)


_ROLES: dict[str, Role] = {"writer": _write, "adopter": _adopt}


def _meter() -> Meter:
    return Meter("acme", "key", "model")


def _count(usage: Usage, meter: Meter, telling: int) -> None:
    os.write(telling, b"c")
    usage.open(meter).requests += 1


def _run_until(line: int, work: Coroutine[None, None, None]) -> None:
    left = line

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith((*_WATCHED, _DRIVER)):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    asyncio.run(work)


def _requests(folder: Path) -> int:
    database = sqlite3.connect(folder / "conch.db")
    with database:
        (found,) = database.execute("SELECT coalesce(sum(requests), 0) FROM usage").fetchone()
    database.close()
    return int(found)


def _leave_the_log(folder: Path) -> None:
    database = sqlite3.connect(folder / "conch.db")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/conch.db"


if __name__ == "__main__":
    print(f"\n{main()}")
