"""Carries a holder's Renewals to the store and its answers back."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable

import structlog

from gateway.quotas.holder import Holder
from gateway.quotas.outage import Policies
from gateway.quotas.protocol import Store

BEAT_S = 0.1
# What falls due within so long goes in one call: to a file that is one wait for the disk.
GATHER_S = 0.001
# On SIGTERM; leases that are not returned then end by themselves.
CLOSE_TIMEOUT_S = 2.0

_log = structlog.get_logger()


class Renewing:
    """One holder, and the task that talks to the store for it."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._store = store
        self._due = asyncio.Event()
        self.holder = Holder(os.urandom(8).hex(), now_ns, policies, self._due.set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Renew from now on."""
        self._task = asyncio.create_task(self._keep_renewing())

    async def close(self) -> None:
        """Return all that is held, and close the store; no request is in flight any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.holder.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._renew()
        await self._store.close()

    async def _keep_renewing(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), BEAT_S)
                await asyncio.sleep(GATHER_S)
            self._due.clear()
            try:
                if self.holder.beat():
                    await self._renew()
            except Exception as error:  # a fault here must not end the renewing
                _log.error("quotas_not_renewed", exc_info=error)

    async def _renew(self) -> None:
        renewals = self.holder.renewals()
        if not renewals:
            return
        answers = await self._store.renew(renewals)
        for renewal, answer in zip(renewals, answers, strict=True):
            if answer is None:
                self.holder.failed(renewal)
            else:
                self.holder.heard(answer)
