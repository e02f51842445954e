"""An issuer's https server on loopback, with a certificate of its own authority."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import trustme


def answer(body: bytes, status: str = "200 OK", fields: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body


class JwksServer:
    """Answers every request with the same bytes, once it may."""

    def __init__(self, body: bytes) -> None:
        self.raw = answer(body)
        # Whether blanks follow for ever, and how slowly.
        self.endless = False
        self.pause_s = 0.0
        self.requests: list[bytes] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/jwks.json"

    def publish(self, body: bytes) -> None:
        self.raw = answer(body)

    async def start(self, context: ssl.SSLContext) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.may_answer.set()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await self.may_answer.wait()
            writer.write(self.raw)
            await writer.drain()
            while self.endless:
                writer.write(b" " if self.pause_s else b" " * 65536)
                await writer.drain()
                await asyncio.sleep(self.pause_s)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


@cache
def authority() -> trustme.CA:
    """The one that all these servers have their certificates of."""
    return trustme.CA()


@asynccontextmanager
async def serving(folder: Path, body: bytes) -> AsyncIterator[JwksServer]:
    """The server while the block runs; this process trusts its authority, as an operator would."""
    authority().cert_pem.write_to_path(folder / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    server = JwksServer(body)
    await server.start(context)
    with patch.dict(os.environ, SSL_CERT_FILE=str(folder / "authority.pem")):
        try:
            yield server
        finally:
            await server.stop()
