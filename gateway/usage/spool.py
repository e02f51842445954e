"""Counted batches that the records may not have yet, in a file that outlives its process.

Each worker has a file of its own, `ID.usage`, and a lock on it for as long as it lives; the kernel
gives the lock back however the process ends. A line is of a batch with its number: all rows of it
as far as it had grown, in place of what earlier lines of the number say; or only those that are
new, with their places among all, and of others that changed since the place and the sums. Lines
reach the page cache, which a killed process does not take along; nothing waits for the disk, so a
machine that loses power may lose what was not in the records yet, mostly a second of it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from gateway.locked_files import new_locked, open_left
from gateway.usage.accumulator import batch_of
from gateway.usage.counts import Batch, Changes, Row

_SUFFIX = ".usage"
_FRESH_SUFFIX = ".new"
_APPEND = os.O_WRONLY | os.O_APPEND
_log = structlog.get_logger()


class _Line(msgspec.Struct, array_like=True):
    number: int
    rows: list[Row]
    # None: these are all rows of the batch.
    places: list[int] | None = None
    # As in Changes.
    sums: list[int] = []


# Numbers of a row among the sums.
_SUMS = 7
_decoder = msgspec.json.Decoder(_Line)


class Spool:
    """The file of one worker, made when there is something to write. No failure of it is raised:
    usage is in memory too, and clients do not wait for a disk.
    """

    def __init__(self, folder: Path, writer_id: str) -> None:
        self.path = folder / f"{writer_id}{_SUFFIX}"
        self.size_bytes = 0
        self._file: int | None = None
        self._is_failing = False

    def append(self, number: int, changes: Changes) -> bool:
        """Add what changed of the batch of this number, the last or the next.

        False: the file does not have it; the changes are to come again, with those that come since.
        """
        line = _line(number, *changes)
        try:
            if self._file is None:
                self._file = new_locked(self.path, _APPEND)
            elif self._is_failing:
                # Half a line would spoil this one.
                os.ftruncate(self._file, self.size_bytes)
            _write(self._file, line)
            self._is_failing = False
        except OSError as error:
            self._complain(error)
            return False
        self.size_bytes += len(line)
        return True

    def replace(self, closed: Sequence[tuple[int, Batch]], number: int, rows: list[Row]) -> None:
        """Hold these batches, and what that of the number has grown to, in place of it all."""
        if self._file is None:
            return
        text = b"".join(_line(number, _rows(batch)) for number, batch in closed)
        if rows:
            text += _line(number, rows)
        fresh = None
        beside = self.path.with_suffix(_FRESH_SUFFIX)
        try:
            # Locked before it has the name that others look for.
            fresh = new_locked(beside, _APPEND)
            _write(fresh, text)
            os.replace(beside, self.path)
        except OSError as error:
            self._complain(error)
            if fresh is not None:
                os.close(fresh)
            return
        os.close(self._file)
        self._file = fresh
        self.size_bytes = len(text)

    def remove(self) -> bool:
        """The records have all of it; False: the file is still there, and may be adopted."""
        is_gone = True
        if self._file is not None:
            try:
                remove(self.path)
            except OSError as error:
                # Its batches are known to the records: who adopts it adds nothing.
                self._complain(error)
                is_gone = False
            self.close()
        return is_gone

    def close(self) -> None:
        """Leave what is there to whoever adopts it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _complain(self, error: OSError) -> None:
        if not self._is_failing:
            _log.error("usage_spool_unwritable", path=str(self.path), error=str(error))
        self._is_failing = True


def left_behind(folder: Path) -> list[Path]:
    """The files of all workers, alive or not."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def remove(path: Path) -> None:
    """Remove the file of a worker; whoever does has the lock on it."""
    path.with_suffix(_FRESH_SUFFIX).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


@contextmanager
def adopted(path: Path) -> Iterator[tuple[str, list[tuple[int, Batch]]] | None]:
    """Whose file it was and its batches, locked for the block; None while its worker lives."""
    file = open_left(path)
    if file is None:
        yield None
        return
    try:
        yield path.stem, list(_read(path, file).items())
    finally:
        os.close(file)


def _write(file: int, text: bytes) -> None:
    written = os.write(file, text) if text else 0
    if written < len(text):
        raise OSError(f"{written} of {len(text)} bytes were written; the disk is full")


def _line(number: int, rows: list[Row], *changes: list[int]) -> bytes:
    # Of all rows as the versions before have it: one of them may be gone back to.
    return msgspec.json.encode((number, rows, *changes)) + b"\n"


def _rows(batch: Batch) -> list[Row]:
    return [(*account, *counts.values()) for account, counts in batch.items()]


def _read(path: Path, file: int) -> dict[int, Batch]:
    """The batches by number, in the order in which they were begun."""
    batches: dict[int, dict[int, Row]] = {}
    with open(file, "rb", closefd=False) as reader:
        for line in reader:
            try:
                said = _decoder.decode(line)
                if said.places is None:
                    batches[said.number] = dict(enumerate(said.rows))
                else:
                    _change(batches.setdefault(said.number, {}), said.places, said)
            except (msgspec.DecodeError, ValueError) as error:
                # The last line of a process that was killed while it wrote it; or a machine was,
                # and the disk does not have all that was written.
                _log.warning("usage_line_unreadable", path=str(path), error=str(error))
    return {number: batch_of(rows.values()) for number, rows in batches.items()}


def _change(rows: dict[int, Row], places: list[int], said: _Line) -> None:
    """Take in what is new and what has changed. Raises ValueError if something is lost."""
    rows.update(zip(places, said.rows, strict=True))
    lost = []
    numbers = iter(said.sums)
    for place, *sums in zip(*[numbers] * _SUMS, strict=True):
        if place in rows:
            hour_s, tenant, key, model, *_ = rows[place]
            rows[place] = (hour_s, tenant, key, model, *sums)
        else:
            lost.append(place)
    if lost:
        raise ValueError(f"no line tells whose the rows {lost} are; they are left out")
