"""Carries usage from a worker's memory to the records: each count once, whatever ends the worker.

Twice a second, with very many keys about once, what changed in the open batch is put into the spool
file under its number; about once a second, or less often, the batch is closed, added to
`_waiting`, and all that waits is frozen under its highest number and written.

Why nothing counts twice, and only the last second can be lost, wherever the process is killed:
* Before a count is in the spool it is in this memory alone, for less than a second: lost.
  A line that was cut off in the middle is none; those before it hold, if they have the number.
* A change is told again until it is in the spool, and a row keeps its place in the batch: so the
  lines of a number add up to the batch, whether or not one before them was lost to a full disk.
* A batch has all its counts in the spool before it is closed, and then grows no more.
* From then on it is in the spool, or in the records, or in both. It is taken out of the spool only
  after the records have said that they have it; the new file comes into place in one step.
* Where it is in both, the records know its number: written again it changes nothing. This covers
  the end between a commit and its answer, and between the answer and the new file. The frozen
  batch keeps its number and its content until the records have it, and batches of the spool lie
  wholly before or behind that number, so part of one can never pass for the whole.
* Who adopts the file holds its lock, and the file has a name; so there is one at a time, and the
  last one removed it. Killed in between, the next begins again: with the numbers known, nothing is
  added. The number is forgotten last, when there is no file to read again.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.records.usage import UsageRecords
from gateway.usage.accumulator import Usage
from gateway.usage.counts import Batch, merge
from gateway.usage.spool import Spool, adopted, left_behind, remove

GATHER_EVERY_S = 0.5
# Where that takes long, as with ten thousand keys in use. Never a second: so much may be lost.
GATHER_SELDOM_S = 0.9
WRITE_EVERY_S = 1.0
MOST_PAUSE_S = 10.0
# Writing takes one part in so many of the time, however many keys are in use: a thousand take
# 20 ms, ten thousand 150 ms, half of it the processor's.
_SHARE = 100
ADOPT_EVERY_S = 10.0
# The database does not answer; what was written then is found out by writing it again.
WRITE_TIMEOUT_S = 30.0
# On SIGTERM. What is not written then is in the spool, for the next worker.
FINISH_TIMEOUT_S = 3.0
# A spool that grew so large while the records were away is written anew, with its batches merged.
_MERGE_BYTES = 16 * 1024 * 1024

_log = structlog.get_logger()


class UsageWriter:
    """Writes what one worker counts, and what killed workers left."""

    def __init__(
        self,
        records: UsageRecords,
        usage: Usage,
        folder: Path,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        """`on_batch` hears of what was counted, each once."""
        self._on_batch = on_batch
        self._records = records
        self._usage = usage
        self._folder = folder
        self._id = os.urandom(8).hex()
        self._spool = Spool(folder, self._id)
        # Of the last batch that was closed.
        self._number = 0
        self._waiting: Batch = {}
        self._frozen: Batch = {}
        self._frozen_number = 0
        self._merged_bytes = 0
        self._adopt_s = 0.0
        self._is_failing = False
        # Files of killed workers that could not be taken over, each complained of once.
        self._unadopted: set[Path] = set()
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Gather and write from now on."""
        keeping = (self._keep_gathering(), self._keep_writing())
        self._tasks = [asyncio.create_task(work) for work in keeping]

    async def finish(self) -> None:
        """Write the rest; call it when no request can be counted any more."""
        self._ending.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_TIMEOUT_S):
                await asyncio.gather(*self._tasks)
                # What was frozen, then what has come since.
                if await self.write() and await self.write():
                    await self._end_spool()
        for task in self._tasks:
            task.cancel()
        self.gather()
        # As whole rows, which the versions before read as well: one may be gone back to.
        self._replace_spool()
        self._spool.close()

    def gather(self) -> None:
        """Put into the spool what has been counted since the last time."""
        changes = self._usage.changes()
        if not any(changes):
            return
        if self._spool.append(self._number + 1, changes):
            self._usage.gathered()
        if self._spool.size_bytes > max(_MERGE_BYTES, 2 * self._merged_bytes):
            self._replace_spool()

    def close(self) -> None:
        """What has been counted is a batch that waits to be written."""
        self.gather()
        batch = self._usage.take()
        if not batch:
            return
        self._number += 1
        if self._waiting:
            merge(self._waiting, batch)
        else:
            self._waiting = batch
        try:
            self._on_batch(batch)
        except Exception as error:  # metrics on a full disk, most likely; the batch is kept
            _log.error("usage_not_shown", error=repr(error))

    async def write(self) -> bool:
        """Write what is frozen, else all that waits; False: it must be tried again."""
        try:
            self.close()
        except Exception as error:  # what waits is to be written all the same
            _log.error("usage_not_gathered", exc_info=error)
        if not self._frozen:
            if not self._waiting:
                return True
            self._frozen, self._waiting = self._waiting, {}
            self._frozen_number = self._number
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._records.add(self._id, self._frozen_number, self._frozen)
        except Exception as error:  # whatever it is, what was counted waits here
            self._complain(error)
            return False
        self._frozen = {}
        self._replace_spool()
        if self._is_failing:
            _log.info("usage_written_again")
        self._is_failing = False
        return True

    async def adopt(self) -> None:
        """Write what workers that were killed left in their spools.

        A file that cannot be read or written, as another user's, does not keep back the others.
        """
        for path in left_behind(self._folder):
            if path == self._spool.path:
                continue
            try:
                await self._adopt(path)
            except Exception as error:  # the file is still there
                self._complain_of(path, error)
            else:
                self._unadopted.discard(path)

    async def _adopt(self, path: Path) -> None:
        with adopted(path) as left:
            if left is None:
                return
            writer_id, batches = left
            for number, batch in batches:
                await self._records.add(writer_id, number, batch)
            remove(path)
            _log.info("usage_adopted", writer=writer_id, batches=len(batches))
        await self._records.forget(writer_id)

    async def _keep_gathering(self) -> None:
        pause_s = GATHER_EVERY_S
        while not await self._has_ended_within(pause_s):
            began_s = time.monotonic()
            try:
                self.gather()
            except Exception as error:  # a fault here must not stop the counting
                _log.error("usage_not_gathered", exc_info=error)
            took_s = time.monotonic() - began_s
            pause_s = min(max(GATHER_EVERY_S, _SHARE * took_s), GATHER_SELDOM_S)

    async def _keep_writing(self) -> None:
        pause_s = WRITE_EVERY_S
        while not await self._has_ended_within(pause_s):
            began_s = time.monotonic()
            is_written = await self.write()
            took_s = time.monotonic() - began_s
            # Who could not write found the lock held, mostly: there is no hurry to wait again.
            pause_s = min(max(WRITE_EVERY_S, _SHARE * took_s), MOST_PAUSE_S)
            if is_written and time.monotonic() >= self._adopt_s:
                self._adopt_s = time.monotonic() + ADOPT_EVERY_S
                await self._try_to_adopt()

    async def _try_to_adopt(self) -> None:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self.adopt()
        except Exception as error:  # the files are still there
            self._complain(error)

    async def _end_spool(self) -> None:
        """All is written: nobody need know of this writer any more.

        Its number stays where its file does: who adopts that must find the batches known.
        """
        if not self._spool.remove():
            return
        with contextlib.suppress(Exception):
            await self._records.forget(self._id)

    async def _has_ended_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
        return self._ending.is_set()

    def _replace_spool(self) -> None:
        batches = ((self._frozen_number, self._frozen), (self._number, self._waiting))
        closed = [(number, batch) for number, batch in batches if batch]
        self._spool.replace(closed, self._number + 1, self._usage.rows())
        self._merged_bytes = self._spool.size_bytes

    def _complain(self, error: Exception) -> None:
        if not self._is_failing:
            _log.error("usage_unwritable", error=_said(error), advice="it is kept and tried again")
        self._is_failing = True

    def _complain_of(self, path: Path, error: Exception) -> None:
        if path not in self._unadopted:
            _log.error(
                "usage_not_adopted",
                path=str(path),
                error=_said(error),
                advice="it is kept and tried again; see to its owner and mode",
            )
        self._unadopted.add(path)


def _said(error: Exception) -> str:
    """Of SQLAlchemy's text the first line: the rest is the statement and a link."""
    return str(error).partition("\n")[0] or type(error).__name__
