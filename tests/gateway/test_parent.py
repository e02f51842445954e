"""The parent and its workers as processes: crashes, replacement and the end under load."""

import asyncio
import contextlib
import os
import signal
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from gateway import slot
from gateway.measures import parse_measure
from gateway.parent import Parent
from gateway.records.migrate import migrate
from gateway.records.store import Records
from gateway.settings import GatewaySettings, load_settings
from gateway.slot import Slot
from tests.gateway.certificates import client_context, write_pair
from tests.gateway.fake_triton import OK, FakeTriton
from tests.gateway.helpers import INFER, Answer, RawClient, assert_problem, get, post, run, until
from tests.gateway.keep_alive_load import Load
from tests.gateway.processes import PATIENCE_S, GatewayProcess, free_port

LIVE = get(b"/v2/health/live", None)
READY = get(b"/v2/health/ready", None)
# Of each client of a load, which is there to notice what fails, not to keep processors busy.
PAUSE_S = 0.005


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
        asked = post(INFER, self.token, fields=fields)
        return Load(self.port, asked, pause_s=PAUSE_S)

    async def connect(self) -> RawClient:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    def close_clients(self) -> None:
        for client in self.clients:
            client.close()
        self.clients.clear()

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
    found: set[int] = set()
    for children in lists:
        # A thread may have ended since its folder was seen.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.update(map(int, children.read_text().split()))
    return found


@asynccontextmanager
async def running_parent(
    triton: FakeTriton,
    state_dir: Path,
    *,
    workers: int = 2,
    rate: str | None = None,
    **settings: str,
) -> AsyncIterator[Running]:
    await triton.start()
    running = await start_parent(triton.port, state_dir, workers, rate, settings)
    try:
        yield running
    finally:
        running.close_clients()
        if running.process.process.poll() is None:
            running.process.process.kill()
        await running.outcome()
        await triton.stop()


async def start_parent(
    triton_port: int, state_dir: Path, workers: int, rate: str | None, settings: dict[str, str]
) -> Running:
    token = await new_token(f"sqlite+aiosqlite:///{state_dir}/conch.db", rate)
    port = free_port()
    process = GatewayProcess(
        "gateway",
        {
            "CONCH_PORT": str(port),
            "CONCH_STATE_DIR": str(state_dir),
            "CONCH_TRITON_URLS": f"http://127.0.0.1:{triton_port}",
            "CONCH_WORKERS": str(workers),
        }
        | settings,
    )
    process.start()
    running = Running(port, token, process)
    await come_true(lambda: len(running.workers) == workers and is_listened_on(port, workers))
    return running


@dataclass
class Shared:
    """One parent for the tests that leave it as they found it."""

    running: Running
    triton_port: int

    @asynccontextmanager
    async def before(self, triton: FakeTriton) -> AsyncIterator[Running]:
        """Triton lives as long as the test's event loop."""
        await triton.start(self.triton_port)
        try:
            yield self.running
        finally:
            self.running.close_clients()
            await triton.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    triton_port = free_port()
    starting = start_parent(triton_port, tmp_path_factory.mktemp("state"), 2, None, {})
    running = asyncio.run(starting)
    yield Shared(running, triton_port)
    running.process.process.kill()
    running.process.outcome()


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


def test_a_worker_that_is_killed_takes_only_its_own_connections_along(shared: Shared) -> None:
    async def test() -> None:
        async with shared.before(FakeTriton()) as gateway:
            load = gateway.load()
            load.start()
            await load.answered(200)
            before = gateway.workers
            os.kill(min(before), signal.SIGKILL)
            await come_true(lambda: len(gateway.workers - before) == 1)
            await load.answered(300)
            await load.stop()
            assert load.refused == 0
            assert set(load.answers) == {200}
            assert len(load.broken) <= 1
            assert all(load.broken[worker] <= load.workers[worker] for worker in load.broken)

    run(test)


def test_a_worker_that_is_told_to_end_has_a_successor_before(shared: Shared) -> None:
    async def test() -> None:
        async with shared.before(FakeTriton()) as gateway:
            load = gateway.load()
            load.start()
            await load.answered(200)
            before = gateway.workers
            os.kill(min(before), signal.SIGTERM)
            await come_true(lambda: len(gateway.workers - before) == 1)
            await load.answered(300)
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


class Holding:
    """A Triton that keeps the first request until its worker is gone, and answers the others."""

    def __init__(self) -> None:
        self.triton = FakeTriton(behaviour=self._hold)
        self._held = asyncio.Event()

    async def begin(self, gateway: Running) -> None:
        """Send that request; no other one is let in meanwhile."""
        client = await gateway.connect()
        await client.send(post(INFER, gateway.token))
        await self._held.wait()
        assert_problem(await gateway.ask(post(INFER, gateway.token)), 429, "quota_exceeded")

    async def _hold(
        self, triton: FakeTriton, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        await triton.read_request(reader)
        triton.behaviour = None
        self._held.set()
        await reader.read()


@asynccontextmanager
async def before_one_slot(state_dir: Path, holding: Holding) -> AsyncIterator[Running]:
    """A parent with one worker, and a tenant that may have one request in flight."""
    records_url = f"sqlite+aiosqlite:///{state_dir}/conch.db"
    await new_token(records_url, None)
    records = Records(records_url)
    await records.create_limit("acme", parse_measure(concurrency=1))
    await records.close()
    async with running_parent(holding.triton, state_dir, workers=1) as gateway:
        yield gateway


async def first_line(gateway: Running) -> bytes:
    """Of the answer of whichever worker comes to accept the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(post(INFER, gateway.token))
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.readline()
    finally:
        writer.close()


def test_slots_of_a_worker_that_is_killed_are_free_for_the_next_one(tmp_path: Path) -> None:
    """Who comes in its place needs not wait until its lease is over."""

    async def test() -> None:
        holding = Holding()
        async with before_one_slot(tmp_path, holding) as gateway:
            await holding.begin(gateway)
            (worker,) = gateway.workers
            os.kill(worker, signal.SIGKILL)
            assert (await first_line(gateway)).startswith(b"HTTP/1.1 200 ")

    run(test)


def test_slots_of_a_worker_that_drains_stay_its_own(tmp_path: Path) -> None:
    async def test() -> None:
        holding = Holding()
        async with before_one_slot(tmp_path, holding) as gateway:
            await holding.begin(gateway)
            (worker,) = gateway.workers
            os.kill(worker, signal.SIGTERM)
            await come_true(lambda: len(gateway.workers) == 2)
            assert (await first_line(gateway)).startswith(b"HTTP/1.1 429 ")
            assert worker in gateway.workers

    run(test)


def test_workers_are_replaced_and_no_request_fails(shared: Shared) -> None:
    async def test() -> None:
        async with shared.before(FakeTriton()) as gateway:
            # On connections that are kept, and each on a new one.
            loads = gateway.load(), gateway.load(b"Connection: close\r\n")
            for load in loads:
                load.start()
            for _ in range(2):
                before = gateway.workers
                os.kill(gateway.pid, signal.SIGHUP)
                for load in loads:
                    await load.answered(150)
                await gateway.replaced(before)
            for load in loads:
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


def test_a_slot_whose_worker_does_not_come_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each failure is a process that starts and ends.
    monkeypatch.setattr(slot, "MAX_FAILURES", 2)

    async def test() -> None:
        others = children(os.getpid())
        async with parent_here(tmp_path, monkeypatch) as port:
            for file in tmp_path.glob("conch.db*"):
                file.unlink()
            os.kill(min(children(os.getpid()) - others), signal.SIGKILL)
            await come_true(lambda: is_listened_on(port, sockets=1))
            for _ in range(20):
                client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
                answer = await client.ask(LIVE)
                client.close()
                assert_problem(answer, 503, "triton_unavailable")

    asyncio.run(test())


@asynccontextmanager
async def parent_here(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A parent in this process, before no Triton; its workers are processes of their own."""
    await new_token(f"sqlite+aiosqlite:///{state_dir}/conch.db", None)
    port = free_port()
    monkeypatch.setenv("CONCH_PORT", str(port))
    monkeypatch.setenv("CONCH_STATE_DIR", str(state_dir))
    monkeypatch.setenv("CONCH_WORKERS", "2")
    monkeypatch.setenv("CONCH_TRITON_URLS", "http://127.0.0.1:1")
    parent = asyncio.create_task(Parent(load_settings(GatewaySettings)).run())
    await come_true(lambda: is_listened_on(port, sockets=2))
    try:
        yield port
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        assert await parent == 0


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
        async with running_parent(triton, tmp_path, CONCH_DRAIN_DELAY_S="0.5") as gateway:
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
            # What waited in the queue of a socket had no worker yet.
            assert not load.broken - Counter({"": load.clients})
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
            load = Load(gateway.port, asked, clients=4, tls=context)
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


@pytest.mark.parametrize("fault", ["replacing", "starting again"])
def test_a_fault_of_the_parents_own_is_said_and_ends_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    async def broken(slot: Slot) -> bool:
        raise RuntimeError("broken")

    async def started(slot: Slot) -> bool:
        return True

    def failing_pause(failures: int) -> float:
        raise OverflowError("too many failures")

    monkeypatch.setattr(Slot, "start", started)
    monkeypatch.setattr(Slot, "replace", broken)
    monkeypatch.setattr(slot, "pause_s", failing_pause)

    async def test() -> None:
        settings = GatewaySettings(port=free_port(), state_dir=tmp_path)
        parent = Parent(settings)
        running = asyncio.create_task(parent.run())
        await asyncio.sleep(0)
        if fault == "replacing":
            os.kill(os.getpid(), signal.SIGHUP)
        else:
            (only,) = parent._slots
            only._in_background(only._start_again(None))  # type: ignore[arg-type]
        assert await running == 1

    asyncio.run(test())
    assert capsys.readouterr().out.count("gateway_failed") == 1


def test_what_keeps_workers_from_starting_is_said_once(tmp_path: Path) -> None:
    settings = {"CONCH_STATE_DIR": str(tmp_path), "CONCH_PORT": str(free_port())}
    code, output, errors = fails(settings | {"CONCH_WORKERS": "3"})
    assert code == 1
    assert errors.startswith("error: There are no records at") and errors.count("\n") == 1
    assert not output


def test_two_gateways_do_not_share_a_port(shared: Shared, tmp_path: Path) -> None:
    async def test() -> None:
        async with shared.before(FakeTriton()) as gateway:
            settings = {"CONCH_STATE_DIR": str(tmp_path), "CONCH_PORT": str(gateway.port)}
            code, _, errors = await asyncio.to_thread(fails, settings | {"CONCH_WORKERS": "2"})
            assert code == 1
            assert f"Cannot listen on 127.0.0.1:{gateway.port}" in errors

    run(test)


def fails(settings: dict[str, str]) -> tuple[int, str, str]:
    process = GatewayProcess("gateway", settings)
    process.start()
    return process.outcome()
