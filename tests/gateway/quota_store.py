"""The real store of limits for a gateway under test, made when a limit is first asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.quotas.ledger import Now
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.sqlite_store import FILE, SqliteStore

NOON_US = 1_790_000_000_000_000


class TemporaryStore:
    """A SQLite store by the test's clock, in a folder that goes with it."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._folder: TemporaryDirectory[str] | None = None
        self._store: SqliteStore | None = None

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[Answer | None]:
        if self._store is None:
            self._folder = TemporaryDirectory()
            path = Path(self._folder.name) / FILE
            self._store = await SqliteStore.open(path, self._clocks)
        return await self._store.renew(renewals)

    async def close(self) -> None:
        if self._store is not None and self._folder is not None:
            await self._store.close()
            self._folder.cleanup()

    def _clocks(self) -> Now:
        us = self._clock_ns() // 1000
        return Now(us, NOON_US + us)
