"""A Triton that does what a test tells it to: slow, silent, broken off, garbage, huge."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

OK_BODY = b'{"model_name":"echo","outputs":[]}'
OK = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(OK_BODY)
) + OK_BODY


@dataclass
class Asked:
    """One request as it arrived, to the byte."""

    head: bytes
    body: bytes

    @property
    def request_line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def fields(self) -> dict[bytes, bytes]:
        lines = self.head.rstrip(b"\r\n").split(b"\r\n")[1:]
        return {name.lower(): value for name, _, value in (x.partition(b": ") for x in lines)}


Behaviour = Callable[["FakeTriton", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FakeTriton:
    """A raw server; `answer` is what every request gets, `behaviour` replaces all of it."""

    answer: bytes | Callable[[Asked], bytes] = OK
    behaviour: Behaviour | None = None
    # After each answer.
    closes: bool = False
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.close_connections()
        await self._server.wait_closed()

    def stop_listening(self) -> None:
        assert self._server is not None
        self._server.close()

    def close_connections(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def read_request(self, reader: asyncio.StreamReader) -> Asked:
        head = await reader.readuntil(b"\r\n\r\n")
        asked = Asked(head, b"")
        self.asked.append(asked)
        if asked.fields.get(b"transfer-encoding") == b"chunked":
            asked.body = await self._read_chunks(reader)
        else:
            asked.body = await reader.readexactly(int(asked.fields.get(b"content-length", b"0")))
        return asked

    async def _read_chunks(self, reader: asyncio.StreamReader) -> bytes:
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            if self.behaviour is not None:
                await self.behaviour(self, reader, writer)
                return
            while True:
                asked = await self.read_request(reader)
                writer.write(self.answer if isinstance(self.answer, bytes) else self.answer(asked))
                await writer.drain()
                if self.closes:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            self._writers.discard(writer)
            writer.transport.abort()
