"""Redis, records, an upstream and gateways, each a process of its own, and how they are hurt."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.limits import Measure
from gateway.records.store import Records
from tests.gateway.long_runs.parts import running_upstream
from tests.gateway.long_runs.quotas.plan import Tenant
from tests.gateway.postgresql import postgresql_server
from tests.gateway.processes import PATIENCE_S, free_port, wait_for
from tests.gateway.redis_server import RedisServer, running_redis

_UPSTREAM = "tests.gateway.long_runs.quotas.upstream"

_REDIS = ("--appendonly", "yes", "--appendfsync", "everysec")


@dataclass
class Gateway:
    """`python -m gateway` with a state directory of its own."""

    directory: Path
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def access_log(self) -> Path:
        return self.directory / "access.log"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def start(self) -> None:
        self.directory.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONCH_")}
        told = {
            "CONCH_PORT": str(self.port),
            "CONCH_STATE_DIR": str(self.directory / "state"),
            "CONCH_ACCESS_LOG": str(self.access_log),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway"],
                env=kept | self.settings | told,
                stdout=log,
                stderr=log,
            )

    def kill_a_worker(self, chosen: random.Random) -> None:
        """As when memory is short."""
        workers = self._children()
        if workers:
            os.kill(chosen.choice(workers), signal.SIGKILL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def _children(self) -> list[int]:
        pid = self.process.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]


@dataclass
class Cluster:
    """All of it, running."""

    directory: Path
    redis: RedisServer
    gateways: list[Gateway]
    upstream_log: Path
    # Of each tenant, in their order.
    tokens: list[str]

    @property
    def ports(self) -> list[int]:
        return [gateway.port for gateway in self.gateways]

    def end_redis(self) -> None:
        """As an operator does: it keeps its data."""
        assert self.redis.process is not None
        self.redis.process.terminate()
        self.redis.process.wait(PATIENCE_S)


@contextmanager
def running_cluster(
    directory: Path, tenants: tuple[Tenant, ...], gateways: int, settings: dict[str, str]
) -> Iterator[Cluster]:
    """Its logs are whole once the block has ended."""
    (directory / "redis").mkdir()
    upstream_log = directory / "upstream.log"
    with (
        postgresql_server() as postgresql,
        running_redis(directory / "redis", *_REDIS) as redis,
        running_upstream(_UPSTREAM, upstream_log) as upstream_port,
    ):
        url = postgresql.new_database()
        told = {
            "CONCH_DATABASE_URL": url,
            "CONCH_REDIS_URL": redis.url,
            "CONCH_TRITON_URLS": f"http://127.0.0.1:{upstream_port}",
        }
        tokens = asyncio.run(_record(url, tenants))
        all_gateways = [
            Gateway(directory / f"gateway-{number}", told | settings) for number in range(gateways)
        ]
        with _running(all_gateways):
            yield Cluster(directory, redis, all_gateways, upstream_log, tokens)


@contextmanager
def _running(gateways: list[Gateway]) -> Iterator[None]:
    try:
        for gateway in gateways:
            gateway.start()
        for gateway in gateways:
            wait_for(f"http://127.0.0.1:{gateway.port}/v2/health/live", gateway.process)
        yield
    finally:
        for gateway in gateways:
            gateway.process.terminate()
        for gateway in gateways:
            gateway.stop()


async def _record(url: str, tenants: tuple[Tenant, ...]) -> list[str]:
    """A key for each, and its limits; returns the tokens."""
    records = Records(url)
    try:
        return [await _record_one(records, tenant) for tenant in tenants]
    finally:
        await records.close()


async def _record_one(records: Records, tenant: Tenant) -> str:
    key = await records.create_key(tenant.name)
    for measure in tenant.measures:
        await _limit(records, tenant, measure, key.id)
    return key.token


async def _limit(records: Records, tenant: Tenant, measure: Measure, key_id: str) -> None:
    owner = key_id if tenant.is_of_key else None
    await records.create_limit(tenant.name, measure, key_id=owner)
