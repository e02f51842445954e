"""Tells a worker that it is to end: by a signal, or by the process that started it."""

import asyncio
import signal
import socket

from gateway.inheritance import READY


class Ending:
    """`begun` is set once; on retirement another worker has the sockets, or nobody wants them."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.is_retirement = False
        self._control: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._begin)

    def follow(self, control: socket.socket) -> None:
        """Say that this worker is ready; the line's end, from either side, is the worker's too."""
        control.setblocking(False)
        control.send(READY)
        self._control = control
        self._loop.add_reader(control, self._retire)

    def _retire(self) -> None:
        self.is_retirement = True
        self._begin()

    def _begin(self) -> None:
        self.begun.set()
        if self._control is not None:
            self._loop.remove_reader(self._control)
            self._control.close()
            self._control = None
