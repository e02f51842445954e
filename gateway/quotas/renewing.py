"""Carries a holder's Renewals to the store and its answers back, on the event loop."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from gateway.quotas.held_file import Held
from gateway.quotas.holder import Holder
from gateway.quotas.patience import within
from gateway.quotas.policies import Policies
from gateway.quotas.protocol import Answer, Renewal, Store

BEAT_S = 0.25
# While requests wait for slots that may come free.
LOOK_AGAIN_S = 0.02
# A store that takes longer counts as away.
TIMEOUT_S = 0.5

_log = structlog.get_logger()

# Goes on while the machine sleeps, as the store's does.
now_ns = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)


class Renewing:
    """A worker's quotas: `holder` decides; this keeps it in leases until it is closed."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        held: Held,
        *,
        is_alone: bool = False,
        timeout_s: float = TIMEOUT_S,
        clock_ns: Callable[[], int] = now_ns,
    ) -> None:
        self.holder = Holder(held, clock_ns, policies, self._wake, is_alone=is_alone)
        self._store = store
        self._held = held
        self._timeout_s = timeout_s
        self._due = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin, on the loop that the holder is used on; the task ends when this is closed."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        return self._task

    async def close(self) -> None:
        """Return what is held, and close the store."""
        self._is_closing = True
        self._wake()
        if self._task is not None:
            # Not cancelled: what an answer under way grants is returned as well.
            await self._task
        self.holder.close()
        while self.holder.is_due:
            await self._exchange()
        self._held.close()
        await self._store.close()

    def _wake(self) -> None:
        self._due.set()

    async def _run(self) -> None:
        while not self._is_closing:
            try:
                await self._keep_renewing()
            except Exception as error:  # whatever it is, limits must go on being renewed
                _log.error("quotas_not_renewed", exc_info=error)
                await asyncio.sleep(BEAT_S)

    async def _keep_renewing(self) -> None:
        next_beat_s = next_look_s = 0.0
        while not self._is_closing:
            now_s = time.monotonic()
            if now_s >= next_beat_s:
                next_beat_s = now_s + BEAT_S
                if self.holder.beat():
                    await self._exchange()
            if self.holder.is_hopeful and now_s >= next_look_s:
                next_look_s = now_s + LOOK_AGAIN_S
                self.holder.look_again()
            self._due.clear()
            if self.holder.is_due:
                await self._exchange()
                continue
            if self._is_closing:
                return
            next_s = min(next_beat_s, next_look_s) if self.holder.is_hopeful else next_beat_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(next_s - time.monotonic()):
                    await self._due.wait()
            # What other requests of this turn of the loop ask for goes along.
            await asyncio.sleep(0)

    async def _exchange(self) -> None:
        renewals = self.holder.renewals()
        for renewal, answer in zip(renewals, await self._ask(renewals), strict=True):
            try:
                if answer is None:
                    self.holder.failed(renewal)
                else:
                    self.holder.heard(answer)
            except Exception as error:  # the others' answers are to be heard
                _log.error("quotas_not_renewed", exc_info=error)

    async def _ask(self, renewals: list[Renewal]) -> list[Answer | None]:
        try:
            return list(await within(self._timeout_s, self._renew(renewals)))
        except TimeoutError:
            return [None] * len(renewals)
        except Exception as error:  # who is never answered would not be asked for again
            _log.error("quotas_not_renewed", exc_info=error)
            return [None] * len(renewals)

    async def _renew(self, renewals: list[Renewal]) -> Sequence[Answer | None]:
        return await self._store.renew(renewals)
