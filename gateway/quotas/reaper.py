"""Ends the leases of workers that died, at once instead of when nobody has renewed them for long.

A store cannot tell a dead holder from a slow one. A worker of the same machine can, by the lock on
the dead one's file (`held_file.py`), and speaks the last word in its name. It may be said twice, or
by two, or not arrive: what ends then has ended, or ends by itself later.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import structlog

from gateway.limits import Limit
from gateway.quotas.held_file import inherited, left_behind
from gateway.quotas.protocol import LAST, MAX_ASKS, Ask, Kind, Renewal, Store, kind_of

LOOK_EVERY_S = 0.1
# What could not be done now, since the store is away, say.
RETRY_S = 1.0

_log = structlog.get_logger()


class Reaper:
    """Looks for files of dead workers in this folder, for as long as it runs."""

    def __init__(self, folder: Path, store: Store, now_s: Callable[[], float]) -> None:
        self._folder = folder
        self._store = store
        self._now_s = now_s
        # When to try again; and what was complained of, once each.
        self._again_s: dict[Path, float] = {}
        self._refused: set[Path] = set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.reap()

    async def reap(self) -> None:
        """End what dead workers hold, as far as it can be ended now."""
        try:
            paths = left_behind(self._folder)
        except OSError as error:  # as where no more files may be open
            self._complain(self._folder, error)
            return
        self._refused.discard(self._folder)
        for path in paths:
            if self._again_s.get(path, 0.0) > self._now_s():
                continue
            try:
                is_done = await self._reap(path)
            except Exception as error:  # as of another user's file; the others are to be ended
                self._complain(path, error)
                is_done = False
            if is_done:
                self._again_s.pop(path, None)
                self._refused.discard(path)
            else:
                self._again_s[path] = self._now_s() + RETRY_S

    async def _reap(self, path: Path) -> bool:
        with inherited(path) as left:
            if left is None:
                return True
            holder, limits = left
            # Slots first: of them alone nobody gets more until these are free.
            limits.sort(key=lambda limit: (kind_of(limit) is not Kind.CONCURRENCY, limit.tenant))
            is_whole = True
            for start in range(0, len(limits), MAX_ASKS):
                words = last_words(holder, limits[start : start + MAX_ASKS])
                answers = await self._store.renew(words)
                is_whole &= None not in answers
                if not any(answers):
                    # It is away: nor would it answer the rest.
                    break
            if not is_whole:
                return False
            path.unlink(missing_ok=True)
        _log.info("leases_ended", holder=holder, limits=len(limits), reason="its worker is dead")
        return True

    def _complain(self, path: Path, error: Exception) -> None:
        if path not in self._refused:
            _log.error(
                "leases_not_ended",
                path=str(path),
                error=str(error),
                advice="it is tried again; they end by themselves within ten minutes",
            )
        self._refused.add(path)


def last_words(holder: str, limits: Sequence[Limit]) -> list[Renewal]:
    """What ends a dead holder's leases of at most MAX_ASKS limits, those of a tenant together."""
    by_tenant = groupby(limits, key=lambda limit: limit.tenant)
    return [
        Renewal(tenant=tenant, holder=holder, number=LAST, asks=tuple(map(_last_word, some)))
        for tenant, some in by_tenant
    ]


def _last_word(limit: Limit) -> Ask:
    return Ask(
        limit=limit,
        epoch=LAST,
        granted=0,
        spent=0,
        returned=0,
        quiet_us=0,
        needs=0,
        needed=0,
        wants=0,
    )
