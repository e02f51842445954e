"""A worker as its parent sees it: started, heard to be ready, retired, ended."""

import asyncio
import contextlib
import os
import signal
import socket
import sys

from gateway.inheritance import READY, Inheritance
from gateway.listening import Listeners


class WorkerProcess:
    """One process `python -m gateway.worker`."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._started_s = asyncio.get_running_loop().time()
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._leaving = asyncio.create_task(self._hear())

    @classmethod
    async def start(cls, listeners: Listeners) -> "WorkerProcess":
        """Start one that accepts on these sockets."""
        control, theirs = socket.socketpair()
        control.setblocking(False)
        with theirs:
            numbers = [listener.fileno() for listener in listeners]
            inheritance = Inheritance(numbers, theirs.fileno())
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.worker",
                inheritance.to_argument(),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=inheritance.files,
            )
        return cls(process, control)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._started_s

    async def is_ready(self, timeout_s: float) -> bool:
        """Whether it says in time that it answers clients; False as soon as it has ended."""
        done, _ = await asyncio.wait([self._ready], timeout=timeout_s)
        return bool(done) and self._ready.result()

    async def leaves(self) -> None:
        """Wait until it begins to end, or is dead."""
        await self._leaving

    @property
    def is_leaving(self) -> bool:
        return self._leaving.done()

    def retire(self) -> None:
        """Have it accept no more and end once its requests are answered."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)

    def signal(self, number: signal.Signals) -> None:
        # Not by the process's own method: that looks first whether it has ended, and so takes its
        # ending away from asyncio, which then knows nothing of it.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def wait(self) -> str:
        """How it ended, once it has."""
        code = await self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    async def _hear(self) -> None:
        loop = asyncio.get_running_loop()
        with self._control, contextlib.suppress(OSError):
            self._ready.set_result(await loop.sock_recv(self._control, len(READY)) == READY)
            await loop.sock_recv(self._control, 1)
