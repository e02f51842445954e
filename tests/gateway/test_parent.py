"""The parent and its workers as processes: crashes, replacement and the end under load."""

import asyncio
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from gateway.records.migrate import migrate
from gateway.records.store import Records
from tests.gateway.certificates import client_context, write_pair
from tests.gateway.fake_triton import OK, FakeTriton
from tests.gateway.helpers import INFER, Answer, RawClient, assert_problem, get, post, run, until
from tests.gateway.keep_alive_load import Load
from tests.gateway.processes import PATIENCE_S, GatewayProcess, free_port

LIVE = get(b"/v2/health/live", None)
READY = get(b"/v2/health/ready", None)


@dataclass
class Running:
    """A parent with its workers before a Triton."""

    port: int
    token: str
    process: GatewayProcess
    clients: list[RawClient] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.process.pid

    @property
    def workers(self) -> set[int]:
        return children(self.pid)

    def load(self, fields: bytes = b"") -> Load:
        return Load(self.port, post(INFER, self.token, fields=fields))

    async def connect(self) -> RawClient:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    async def ask(self, data: bytes) -> Answer:
        client = await self.connect()
        try:
            return await client.ask(data)
        finally:
            client.close()

    async def becomes_unready(self) -> None:
        """Ask until it answers that it is about to end."""
        answer = await self.ask(READY)
        while answer.status == 200:
            await asyncio.sleep(0.02)
            answer = await self.ask(READY)
        assert_problem(answer, 503, "draining")

    async def replaced(self, before: set[int]) -> None:
        """Wait until none of these workers is left."""
        await come_true(lambda: not before & self.workers)

    async def outcome(self) -> tuple[int, str, str]:
        return await asyncio.to_thread(self.process.outcome)


def children(pid: int) -> set[int]:
    # Each thread has children of its own: subprocesses are started by any.
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for children in lists for child in children.read_text().split()}


@asynccontextmanager
async def running_parent(
    triton: FakeTriton,
    state_dir: Path,
    *,
    workers: int = 2,
    rate: str | None = None,
    **settings: str,
) -> AsyncIterator[Running]:
    token = await new_token(f"sqlite+aiosqlite:///{state_dir}/conch.db", rate)
    await triton.start()
    port = free_port()
    process = GatewayProcess(
        "gateway",
        {
            "CONCH_PORT": str(port),
            "CONCH_STATE_DIR": str(state_dir),
            "CONCH_TRITON_URLS": f"http://127.0.0.1:{triton.port}",
            "CONCH_WORKERS": str(workers),
        }
        | settings,
    )
    process.start()
    running = Running(port, token, process)
    try:
        await come_true(lambda: len(running.workers) == workers and is_listened_on(port, workers))
        yield running
    finally:
        for client in running.clients:
            client.close()
        if process.process.poll() is None:
            process.process.kill()
        await running.outcome()
        await triton.stop()


async def new_token(records_url: str, rate: str | None) -> str:
    await migrate(records_url)
    records = Records(records_url)
    try:
        return (await records.create_key("acme", rate=rate)).token
    finally:
        await records.close()


async def come_true(condition: Callable[[], bool]) -> None:
    """Processes need longer than this one's own loop."""
    await until(condition, PATIENCE_S)


def is_listened_on(port: int, sockets: int) -> bool:
    """Whether so many sockets listen on the port (proc_net_tcp: state 0A)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local = f"0100007F:{port:04X}"
    return sum(fields[1] == local and fields[3] == "0A" for fields in lines) == sockets


def test_a_worker_that_is_killed_takes_only_its_own_connections_along(tmp_path: Path) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path) as gateway:
            load = gateway.load()
            load.start()
            await load.answered(200)
            before = gateway.workers
            os.kill(min(before), signal.SIGKILL)
            await come_true(lambda: len(gateway.workers - before) == 1)
            await load.answered(500)
            await load.stop()
            assert load.refused == 0
            assert set(load.answers) == {200}
            assert len(load.broken) <= 1
            assert all(load.broken[worker] <= load.workers[worker] for worker in load.broken)

    run(test)


def test_a_worker_that_is_told_to_end_has_a_successor_before(tmp_path: Path) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path) as gateway:
            load = gateway.load()
            load.start()
            await load.answered(200)
            before = gateway.workers
            os.kill(min(before), signal.SIGTERM)
            await come_true(lambda: len(gateway.workers - before) == 1)
            await load.answered(500)
            await load.stop()
            assert (load.refused, load.broken.total()) == (0, 0)
            assert set(load.answers) == {200}

    run(test)


def test_all_workers_together_keep_a_limit(tmp_path: Path) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path, workers=3, rate="50/s") as gateway:
            load = gateway.load(b"Connection: close\r\n")
            load.start()
            started_s = time.monotonic()
            await load.answered(1000)
            await load.stop()
            period_s = time.monotonic() - started_s
            assert len(load.workers) == 3
            assert set(load.answers) == {200, 429}
            assert 50 <= load.answers[200] <= 50 + 50 * period_s

    run(test)


@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"], ids=["kept", "new"])
def test_workers_are_replaced_and_no_request_fails(tmp_path: Path, fields: bytes) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path) as gateway:
            load = gateway.load(fields)
            load.start()
            for _ in range(2):
                before = gateway.workers
                os.kill(gateway.pid, signal.SIGHUP)
                await load.answered(300)
                await gateway.replaced(before)
            await load.stop()
            assert (load.refused, load.broken.total()) == (0, 0)
            assert set(load.answers) == {200}
            assert len(gateway.workers) == 2

    run(test)


def test_workers_stay_where_new_ones_do_not_come(tmp_path: Path) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path) as gateway:
            before = gateway.workers
            for file in tmp_path.glob("conch.db*"):
                file.unlink()
            os.kill(gateway.pid, signal.SIGHUP)
            await come_true(lambda: gateway.workers > before)
            await come_true(lambda: gateway.workers == before)
            assert (await gateway.ask(LIVE)).status == 200
            gateway.process.process.terminate()
            assert "worker_not_replaced" in (await gateway.outcome())[1]

    run(test)


def test_a_slot_whose_worker_does_not_come_is_given_up(tmp_path: Path) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path) as gateway:
            for file in tmp_path.glob("conch.db*"):
                file.unlink()
            os.kill(min(gateway.workers), signal.SIGKILL)
            await come_true(lambda: is_listened_on(gateway.port, sockets=1))
            for _ in range(20):
                assert (await gateway.ask(LIVE)).status == 200

    run(test)


def test_the_end_is_told_then_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def slow(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while True:
                asked = await triton.read_request(reader)
                if INFER in asked.request_line:
                    await may_answer.wait()
                writer.write(OK)

        triton = FakeTriton(behaviour=slow)
        async with running_parent(triton, tmp_path, CONCH_DRAIN_DELAY_S="1") as gateway:
            assert (await gateway.ask(READY)).status == 200
            busy, kept = await gateway.connect(), await gateway.connect()
            await busy.send(post(INFER, gateway.token))
            await come_true(lambda: any(INFER in asked.request_line for asked in triton.asked))
            gateway.process.process.terminate()
            await gateway.becomes_unready()
            answer = await kept.ask(LIVE)
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            await come_true(lambda: is_listened_on(gateway.port, sockets=0))
            may_answer.set()
            answer = await busy.answer()
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            code, output, errors = await gateway.outcome()
            assert (code, errors) == (0, "")
            assert "Traceback" not in output

    run(test)


def test_without_their_parent_workers_end_and_free_the_port(tmp_path: Path) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path) as gateway:
            load = gateway.load()
            load.start()
            await load.answered(100)
            gateway.process.process.kill()
            # Its end of the pipe is the workers' too: all have ended when this returns.
            await gateway.outcome()
            await load.stop()
            assert load.broken.total() == 0
            assert is_listened_on(gateway.port, sockets=0)

    run(test)


def test_a_certificate_is_replaced_under_load(tmp_path: Path) -> None:
    async def test() -> None:
        authority = trustme.CA()
        files = write_pair(authority, tmp_path / "tls")
        async with running_parent(
            FakeTriton(),
            tmp_path,
            CONCH_TLS_CERTIFICATE=str(files.certificate),
            CONCH_TLS_KEY=str(files.key),
        ) as gateway:
            context = client_context(authority)
            asked = post(INFER, gateway.token, fields=b"Connection: close\r\n")
            load = Load(gateway.port, asked, tls=context)
            load.start()
            await load.answered(100)
            fresh = write_pair(authority, tmp_path / "fresh")
            os.replace(fresh.certificate, files.certificate)
            os.replace(fresh.key, files.key)
            wanted = ssl.PEM_cert_to_DER_cert(first_certificate(files.certificate))
            async with asyncio.timeout(PATIENCE_S):
                while await shown_certificate(gateway.port, context) != wanted:
                    await asyncio.sleep(0.05)
            await load.answered(100)
            await load.stop()
            assert (load.refused, load.broken.total()) == (0, 0)
            assert set(load.answers) == {200}

    run(test)


def first_certificate(file: Path) -> str:
    end = "-----END CERTIFICATE-----\n"
    return file.read_text().partition(end)[0] + end


async def shown_certificate(port: int, context: ssl.SSLContext) -> bytes:
    opening = asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="gateway")
    _, writer = await opening
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return shown


def test_what_keeps_workers_from_starting_is_said_once(tmp_path: Path) -> None:
    settings = {"CONCH_STATE_DIR": str(tmp_path), "CONCH_PORT": str(free_port())}
    code, output, errors = fails(settings | {"CONCH_WORKERS": "3"})
    assert code == 1
    assert errors.startswith("error: There are no records at") and errors.count("\n") == 1
    assert not output


def test_two_gateways_do_not_share_a_port(tmp_path: Path) -> None:
    async def test() -> None:
        async with running_parent(FakeTriton(), tmp_path) as gateway:
            settings = {"CONCH_STATE_DIR": str(tmp_path), "CONCH_PORT": str(gateway.port)}
            code, _, errors = await asyncio.to_thread(fails, settings | {"CONCH_WORKERS": "2"})
            assert code == 1
            assert f"Cannot listen on 127.0.0.1:{gateway.port}" in errors

    run(test)


def fails(settings: dict[str, str]) -> tuple[int, str, str]:
    process = GatewayProcess("gateway", settings)
    process.start()
    return process.outcome()
