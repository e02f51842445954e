"""The limits that a worker has leases of, in a file that outlives it.

Each worker has a file of its own, `NAME.leases`, and the lock on it for as long as it lives. A
limit stands there before the store is asked for a lease of it, and until that is returned. Writes
reach the page cache, which a killed process does not take along; nothing waits for the disk.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from gateway.errors import InvalidInput
from gateway.limits import Limit, Metric
from gateway.locked_files import new_locked, open_left
from gateway.quotas.holding import Holding
from gateway.quotas.protocol import TTL_US, VERY_LIGHT, Kind, kind_of, measure_of, numbers_of

_SUFFIX = ".leases"
# One limit each, filled up with spaces: the longest takes some two hundred.
_CELL_BYTES = 256
_TOUCH_EVERY_S = 1.0
# After the last Ask no lease lasts longer.
_LONGEST_S = VERY_LIGHT * TTL_US / 1_000_000 + 2 * _TOUCH_EVERY_S

_log = structlog.get_logger()


class Held(Protocol):
    """Where a holder notes which leases are to be ended when it is dead."""

    @property
    def holder(self) -> str:
        """Its name, which no other has."""
        ...

    def note(self, holding: Holding) -> None:
        """To be called before each Ask."""
        ...

    def forget(self, holding: Holding) -> None:
        """It has no lease any more."""
        ...

    def close(self) -> None:
        """The holder asks no more; leases that it still has are left to others."""
        ...


class HeldFile:
    """The file of one worker, made when there is something to note.

    No failure of it is raised: what is not noted ends as a lease does of which nobody hears.
    """

    def __init__(self, folder: Path, holder: str) -> None:
        self.holder = holder
        self._path = folder / f"{holder}{_SUFFIX}"
        self._file: int | None = None
        # With the limit as it was noted; None: it could not be.
        self._cells: dict[Holding, tuple[int, Limit | None]] = {}
        self._empty: list[int] = []
        self._touched_s = 0.0
        self._is_failing = False

    def note(self, holding: Holding) -> None:
        limit = holding.limit
        cell, noted = self._cells.get(holding) or (self._empty_cell(), None)
        if noted is limit:
            self._touch()
            return
        is_written = self._write(cell, _text(limit))
        self._cells[holding] = cell, limit if is_written else None

    def forget(self, holding: Holding) -> None:
        cell, _ = self._cells.pop(holding)
        self._empty.append(cell)
        self._write(cell, b"")

    def close(self) -> None:
        if self._file is None:
            return
        if not self._cells:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def _empty_cell(self) -> int:
        return self._empty.pop() if self._empty else len(self._cells)

    def _write(self, cell: int, text: bytes) -> bool:
        try:
            if self._file is None:
                self._file = new_locked(self._path)
            os.pwrite(self._file, text.ljust(_CELL_BYTES), cell * _CELL_BYTES)
        except OSError as error:
            if not self._is_failing:
                _log.error("leases_not_noted", path=str(self._path), error=str(error))
            self._is_failing = True
            return False
        self._is_failing = False
        self._touched_s = time.monotonic()
        return True

    def _touch(self) -> None:
        """The file is as old as the last Ask: by that it is told whether leases may be left."""
        now_s = time.monotonic()
        if self._file is None or now_s < self._touched_s + _TOUCH_EVERY_S:
            return
        self._touched_s = now_s
        with suppress(OSError):
            os.utime(self._file)


def left_behind(folder: Path) -> list[Path]:
    """The files of all workers, alive or not."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


@contextmanager
def inherited(path: Path) -> Iterator[tuple[str, list[Limit]] | None]:
    """A dead worker's name and the limits that it had leases of, locked for the block.

    Those that are over by now are left out: whoever noted them knew measures of another time.
    None while it lives. The file stays; raises OSError.
    """
    file = open_left(path)
    if file is None:
        yield None
        return
    try:
        is_over = time.time() - os.fstat(file).st_mtime > _LONGEST_S
        yield path.stem, [] if is_over else list(_limits(path, file))
    finally:
        os.close(file)


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """What a store must know of a limit."""

    id: str
    tenant: str
    metric: Metric
    kind: Kind
    numbers: tuple[int, ...]


_decode = msgspec.json.Decoder(_Row).decode


def _text(limit: Limit) -> bytes:
    numbers = numbers_of(limit.measure)
    return msgspec.json.encode(_Row(limit.id, limit.tenant, limit.metric, kind_of(limit), numbers))


def _limits(path: Path, file: int) -> Iterator[Limit]:
    with open(file, "rb", closefd=False) as reader:
        content = reader.read()
    for start in range(0, len(content), _CELL_BYTES):
        # Zeros are cells of which no more came to the disk before a loss of power.
        text = content[start : start + _CELL_BYTES].strip(b" \0")
        if not text:
            continue
        try:
            row = _decode(text)
            measure = measure_of(row.kind, row.numbers)
        except (msgspec.DecodeError, InvalidInput, TypeError, ValueError) as error:
            _log.warning("lease_unreadable", path=str(path), error=str(error))
            continue
        # For whom and for which models: of no account to the store.
        yield Limit(row.id, row.tenant, None, "*", row.metric, measure)
