"""Clients that call again and again on connections they keep, and what became of each request."""

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field

from tests.gateway.helpers import RawClient
from tests.gateway.processes import PATIENCE_S


@dataclass
class Load:
    """`asked` is what each client sends again and again; `stop()` lets each end its request."""

    port: int
    asked: bytes
    clients: int = 8
    # Between two requests of a client, so that processes that start have the processor, too.
    pause_s: float = 0.0
    tls: ssl.SSLContext | None = None
    answers: Counter[int] = field(default_factory=Counter)
    # Requests that broke off, by the process that had answered on the connection before.
    broken: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    # Processes that answered, and on how many connections.
    workers: Counter[str] = field(default_factory=Counter)
    _running: bool = True
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._client()) for _ in range(self.clients)]

    async def stop(self) -> None:
        self._running = False
        await asyncio.gather(*self._tasks)

    async def answered(self, more: int) -> None:
        """Wait for so many answers from now on."""
        end = self.answers.total() + more
        async with asyncio.timeout(PATIENCE_S):
            while self.answers.total() < end:
                await asyncio.sleep(0.01)

    async def _client(self) -> None:
        while self._running:
            try:
                client = await self._connect()
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            await self._call(client)
            client.close()

    async def _connect(self) -> RawClient:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1",
                self.port,
                ssl=self.tls,
                server_hostname="gateway" if self.tls else None,
            )
        return RawClient(reader, writer)

    async def _call(self, client: RawClient) -> None:
        worker = ""
        while self._running:
            try:
                answer = await client.ask(self.asked)
            except (OSError, EOFError):
                self.broken[worker] += 1
                return
            self.answers[answer.status] += 1
            if not worker:
                worker = answer.fields["x-request-id"].partition("-")[0]
                self.workers[worker] += 1
            if answer.fields.get("connection") == "close":
                return
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
