"""Runs the workers of the data plane and replaces them; of requests it knows nothing.

SIGTERM, SIGINT: every worker drains and ends, then the parent. SIGHUP: worker by worker, a new one
takes over the socket and the old one drains, so that code and settings of the workers are new and
no request fails. The address, the port and the number of workers stay until the next start.
"""

import asyncio
import os
import signal

import structlog

from gateway.listening import open_listeners
from gateway.settings import GatewaySettings
from gateway.slot import Slot

# For what a worker does before and after it drains.
_END_MARGIN_S = 5.0

_log = structlog.get_logger()


class Parent:
    """One slot for each worker."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._is_ending = False
        self._has_failed = False
        self._wake = asyncio.Event()
        listeners = open_listeners(settings.host, settings.port, settings.workers)
        self._slots = [
            Slot(
                number,
                sockets,
                state_dir=settings.state_dir,
                is_last=self._has_one_left,
                on_failure=self._fail,
            )
            for number, sockets in enumerate(listeners)
        ]

    async def run(self) -> int:
        """Exit code, once the workers have ended: 1 if one could not be started at first, or if
        the parent itself failed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._wake.set)
        has_started = await self._start()
        while has_started and not self._is_ending:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._replace()
            except Exception as error:
                self._fail(error)
        was_asked = self._is_ending
        self._end()
        settings = self._settings
        timeout_s = settings.drain_delay_s + settings.drain_timeout_s + _END_MARGIN_S
        await asyncio.gather(*(slot.ended(timeout_s) for slot in self._slots))
        return 0 if was_asked and not self._has_failed else 1

    async def _start(self) -> bool:
        """The first alone: what keeps it from starting would keep all, and is said once."""
        first, *others = self._slots
        if not await first.start():
            return False
        if not all(await asyncio.gather(*(slot.start() for slot in others))):
            return False
        _log.info(
            "gateway_ready",
            pid=os.getpid(),
            host=self._settings.host,
            port=self._settings.port,
            workers=len(self._slots),
        )
        return True

    async def _replace(self) -> None:
        """One after the other; the first that does not come leaves the rest as they are."""
        for number, slot in enumerate(self._slots):
            if self._is_ending:
                return
            if slot.is_open and not await slot.replace():
                _log.error("worker_not_replaced", slot=number, serving="the workers before")
                return
        _log.info("workers_replaced")

    def _fail(self, error: BaseException) -> None:
        """A fault of ours: whoever supervises this process starts it anew, in a known state."""
        _log.error("gateway_failed", exc_info=error, advice="its workers drain, then it ends")
        self._has_failed = True
        self._end()

    def _end(self) -> None:
        self._is_ending = True
        self._wake.set()
        for slot in self._slots:
            slot.end()

    def _has_one_left(self) -> bool:
        return [slot.is_open for slot in self._slots].count(True) == 1
