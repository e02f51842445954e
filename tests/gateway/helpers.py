"""A gateway in this process on a free port, a raw client, and the check of every problem body."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from prometheus_client import CollectorRegistry

from gateway import keys
from gateway.data.auth import Authenticator
from gateway.data.gate import Gate, Times
from gateway.data.metrics import Metrics
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Address, new_replica
from gateway.data.server import Server
from gateway.data.upstream import Pool
from gateway.keys import Key
from gateway.limits import Limit
from gateway.listening import open_listeners
from gateway.permissions import Grants, client_grants
from gateway.quotas.policies import Policies
from gateway.quotas.protocol import Store
from gateway.quotas.renewing import Renewing
from gateway.rates import Rate
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.quota_store import TemporaryStore
from tests.gateway.quotas.held import HeldInMemory

INFER = b"/v2/models/echo/infer"
PATIENCE_S = 5.0


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def seconds(self) -> float:
        return self.now_s

    def nanoseconds(self) -> int:
        return int(self.now_s * 1e9)


@dataclass
class Answer:
    """An answer as a client reads it."""

    status: int
    fields: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class RawClient:
    """Writes the bytes it is given and reads answers, one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, data: bytes, *, is_head: bool = False) -> Answer:
        await self.send(data)
        return await self.answer(is_head=is_head)

    async def answer(self, *, is_head: bool = False) -> Answer:
        return await self.rest_of_answer(await self.read_head(), is_head=is_head)

    async def read_head(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode()

    async def rest_of_answer(self, head: str, *, is_head: bool = False) -> Answer:
        status_line, *lines = head.rstrip("\r\n").split("\r\n")
        fields = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        status = int(status_line.split(" ")[1])
        no_body = is_head or status == 100
        async with asyncio.timeout(PATIENCE_S):
            body = b"" if no_body else await self._body(fields)
        return Answer(status, fields, body)

    async def is_closed(self) -> bool:
        """Whether nothing follows but the end of the connection."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True

    async def read_some(self, size: int = 65536) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read(size)

    def close(self) -> None:
        self.writer.transport.abort()

    async def _body(self, fields: dict[str, str]) -> bytes:
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                body += await self._reader.readexactly(size)
                await self._reader.readuntil(b"\r\n")
            await self._reader.readuntil(b"\r\n")
            return body
        if "content-length" in fields:
            return await self._reader.readexactly(int(fields["content-length"]))
        return await self._reader.read()


class Gateway:
    """The data plane under test, with keys that live in a dictionary."""

    def __init__(self, *triton_ports: int, **options: object) -> None:
        self.clock = Clock()
        self.keys: dict[str, Key] = {}
        self.lookups: list[str] = []
        self.clients: list[RawClient] = []
        self.registry = CollectorRegistry()
        connections = int(str(options.pop("max_connections", 8)))
        most_clients = int(str(options.pop("max_connections_of_clients", 10_000)))
        max_body = int(str(options.pop("max_body_bytes", 1_000_000)))
        store = options.pop("store", None) or TemporaryStore(self.clock.nanoseconds)
        self.quotas = Renewing(
            cast(Store, store),
            Policies(),
            HeldInMemory(),
            timeout_s=10,
            clock_ns=self.clock.nanoseconds,
        )
        self.gate = Gate(
            authenticator=Authenticator(self._find_key),
            quotas=self.quotas.holder,
            replicas=Replicas(
                [new_replica(Address("127.0.0.1", port), connections) for port in triton_ports],
                now_s=self.clock.seconds,
            ),
            metrics=Metrics(self.registry),
            max_body_bytes=max_body,
            max_json_bytes=max_body,
            max_connections=most_clients,
            times=Times(handshake_s=float(str(options.pop("handshake_s", 10.0)))),
            now_s=self.clock.seconds,
        )
        self.server = Server(self.gate)
        self.token = self.add_key()

    @property
    def pool(self) -> Pool:
        """Of the first Triton."""
        return self.gate.replicas.all[0].pool

    def add_key(
        self,
        *,
        models: tuple[str, ...] = ("*",),
        limit: Rate | None = None,
        grants: Grants | None = None,
        limits: tuple[Limit, ...] = (),
    ) -> str:
        new = keys.generate()
        token_hash = keys.hash_token(new.token.encode())
        self.keys[new.id] = Key(
            new.id,
            "acme",
            token_hash,
            grants or client_grants(models),
            limit,
            datetime.now(UTC),
            revoked=None,
            limits=limits,
        )
        return new.token

    async def connect(self, tls: ssl.SSLContext | None = None) -> RawClient:
        name = "gateway" if tls else None
        opening = asyncio.open_connection(
            "127.0.0.1", self.server.port, ssl=tls, server_hostname=name
        )
        client = RawClient(*await opening)
        self.clients.append(client)
        return client

    async def ask(self, data: bytes, *, is_head: bool = False) -> Answer:
        """One request on a connection of its own."""
        client = await self.connect()
        try:
            return await client.ask(data, is_head=is_head)
        finally:
            client.close()

    def pass_time(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.server.expire(self.clock.now_s)

    def count(self, model: str, status: int) -> float:
        self.gate.metrics.publish()
        labels = {"model": model, "status": str(status)}
        return self.registry.get_sample_value("conch_requests_total", labels) or 0.0

    def stream_errors(self, model: str) -> float:
        return self.registry.get_sample_value("conch_stream_errors_total", {"model": model}) or 0.0

    async def _find_key(self, key_id: str) -> Key | None:
        self.lookups.append(key_id)
        return self.keys.get(key_id)


@asynccontextmanager
async def running(
    *tritons: FakeTriton, tls: ssl.SSLContext | None = None, **options: object
) -> AsyncIterator[Gateway]:
    """The gateway before these Tritons; all end with the block."""
    for triton in tritons:
        await triton.start()
    gateway = Gateway(*(triton.port for triton in tritons), **options)
    await gateway.server.start(open_listeners("127.0.0.1", 0)[0], tls)
    gateway.quotas.start()
    try:
        yield gateway
    finally:
        for client in gateway.clients:
            client.close()
        await gateway.server.drain(0)
        await gateway.quotas.close()
        for triton in tritons:
            await triton.stop()
        # Lets the aborted connections tell their protocols.
        await asyncio.sleep(0)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run an asynchronous test on the loop that workers use."""
    import uvloop

    uvloop.run(test())  # type: ignore[arg-type]


async def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition that events on this loop or in another process bring about."""
    end_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end_s, "the condition did not come true"
        await asyncio.sleep(0.005)


def small_buffer(transport: asyncio.BaseTransport) -> None:
    """Let the kernel take little, so that a slow peer is felt at once."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def post(
    path: bytes,
    token: str | None,
    body: bytes = b"{}",
    fields: bytes = b"",
    version: bytes = b"1.1",
) -> bytes:
    """A POST with its length; `fields` are whole lines."""
    return (
        b"POST %b HTTP/%b\r\nHost: gateway\r\n" % (path, version)
        + _credential(token)
        + fields
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )


def get(path: bytes, token: str | None, fields: bytes = b"", method: bytes = b"GET") -> bytes:
    head = b"%b %b HTTP/1.1\r\nHost: gateway\r\n" % (method, path)
    return head + _credential(token) + fields + b"\r\n"


def _credential(token: str | None) -> bytes:
    return b"" if token is None else b"Authorization: Bearer %b\r\n" % token.encode()


def assert_problem(answer: Answer, status: int, code: str) -> dict[str, object]:
    """Every failure that is ours looks like this."""
    assert answer.status == status
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.fields["proxy-status"].startswith("conch; error=")
    body = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] and body["title"] and body["detail"]
    assert body["error"] == body["detail"]
    assert body["request_id"] == answer.fields["x-request-id"]
    return body
