"""Tells a worker that it is to end: a signal, or the process that started it."""

import asyncio
import signal
import socket

from gateway.inheritance import READY


class Ending:
    """`begun` is set once; on retirement another worker has the sockets, or nobody wants them."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.is_retirement = False
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.begun.set)

    def follow(self, control: socket.socket) -> None:
        """Say that this worker is ready, and retire when the other end is closed or has died."""
        control.setblocking(False)
        control.send(READY)
        self._loop.add_reader(control, self._retire, control)

    def _retire(self, control: socket.socket) -> None:
        self._loop.remove_reader(control)
        control.close()
        self.is_retirement = self.is_retirement or not self.begun.is_set()
        self.begun.set()
