"""A real Triton and a running worker, shared by the tests that need real processes."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.keys import NewKey, Terms
from gateway.permissions import client_grants, parse_grant
from gateway.records.migrate import migrate
from gateway.records.store import Records
from tests.gateway.compiled import require_compiled_if_asked
from tests.gateway.postgresql import PostgresqlServer, postgresql_server
from tests.gateway.processes import GatewayProcess, free_port, real_triton

require_compiled_if_asked()


@dataclass
class RunningGateway:
    """A worker process before a real Triton, and its records."""

    port: int
    triton_port: int
    state_dir: Path
    pid: int = 0

    @property
    def records_url(self) -> str:
        return f"sqlite+aiosqlite:///{self.state_dir}/conch.db"

    def settings(self, **more: str) -> dict[str, str]:
        return {
            "CONCH_PORT": str(self.port),
            "CONCH_TRITON_URLS": f"http://127.0.0.1:{self.triton_port}",
            "CONCH_STATE_DIR": str(self.state_dir),
        } | more

    def new_key(self, *models: str, rate: str | None = None, grants: Sequence[str] = ()) -> NewKey:
        async def create() -> NewKey:
            records = Records(self.records_url)
            try:
                given = tuple(map(parse_grant, grants)) or client_grants(models or ("*",))
                terms = Terms(grants=given)
                return await records.create_key("acme", rate=rate, terms=terms)
            finally:
                await records.close()

        return asyncio.run(create())

    def revoke(self, key_id: str) -> None:
        async def revoke() -> None:
            records = Records(self.records_url)
            try:
                await records.revoke_key(key_id)
            finally:
                await records.close()

        asyncio.run(revoke())


@contextmanager
def running_gateway(triton_port: int, state_dir: Path, **settings: str) -> Iterator[RunningGateway]:
    """A worker before what listens there; it must end cleanly with the block."""
    running = RunningGateway(free_port(), triton_port, state_dir)
    asyncio.run(migrate(running.records_url))
    worker = GatewayProcess("gateway.worker", running.settings(**settings))
    worker.start()
    try:
        worker.wait_until_listening(running.port)
        running.pid = worker.process.pid
        yield running
    finally:
        assert worker.stop()[0] == 0


@pytest.fixture(scope="session")
def triton_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    pytest.importorskip("pytriton", reason="the real Triton comes with the extra [embedded]")
    with real_triton(tmp_path_factory.mktemp("triton")) as port:
        yield port


@pytest.fixture(scope="session")
def gateway(triton_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(triton_port, tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a single table, on each of the two kinds."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/new/conch.db"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_database(is_migrated=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Records without a single row, on each of the two kinds of database."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/new/conch.db"
        asyncio.run(migrate(url))
        return url
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_database()
