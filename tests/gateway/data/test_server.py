"""The server's own clockwork: it goes on whatever fails."""

import asyncio
from pathlib import Path

import pytest

from gateway.data import server
from gateway.data.access_log import AccessLog
from gateway.data.client_connection import ClientConnection
from tests.gateway.compiled import needs_sources
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import PATIENCE_S, get, run, running, until

LIVE = get(b"/v2/health/live", None)


@needs_sources
def test_time_goes_on_when_metrics_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "SWEEP_S", 0.01)
    monkeypatch.setattr(server, "PUBLISH_EVERY_S", 0.0)

    async def test() -> None:
        async with running(FakeTriton()) as gateway:

            def full() -> None:
                raise OSError(28, "No space left on device")

            monkeypatch.setattr(gateway.gate.metrics, "publish", full)
            for _ in range(3):
                gateway.clock.now_s += 1
                await until(lambda: gateway.gate.tick_s == gateway.clock.now_s)
            # The tick goes on to publish before anything else runs.
            assert capsys.readouterr().out.count("metrics_not_published") == 1
            gateway.clock.now_s += server.COMPLAIN_EVERY_S
            await until(lambda: gateway.gate.tick_s == gateway.clock.now_s)
            assert capsys.readouterr().out.count("metrics_not_published") == 1
            monkeypatch.undo()

    run(test)


def test_a_connection_that_fails_to_expire_is_ended_and_the_others_expire(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            clients = [await gateway.connect() for _ in range(3)]
            for client in clients:
                await client.ask(get(b"/v2", gateway.token))
            broken = next(iter(gateway.server._connections))
            expire = ClientConnection.expire

            def failing(connection: ClientConnection) -> None:
                if connection is broken:
                    raise RuntimeError("broken")
                expire(connection)

            monkeypatch.setattr(ClientConnection, "expire", failing)
            gateway.pass_time(gateway.gate.times.idle_s)
            for client in clients:
                assert await client.is_closed()
            await asyncio.sleep(0)

    run(test)
    assert "expiry_failed" in capsys.readouterr().out


def test_lines_of_the_access_log_are_written_by_and_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SWEEP_S", 0.01)

    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            gateway.gate.access_log = AccessLog(str(tmp_path / "log"))
            assert (await gateway.ask(LIVE)).status == 200
            await until(lambda: (tmp_path / "log").read_text().count("\n") == 1)

    run(test)


def test_what_was_counted_last_is_published_at_the_end() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            await gateway.ask(get(b"/v9", gateway.token))
            await gateway.server.drain(0)
            labels = {"model": "", "status": "404"}
            assert gateway.registry.get_sample_value("conch_requests_total", labels) == 1

    run(test)


def test_a_connection_that_was_accepted_as_the_drain_began_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        draining: list[asyncio.Task[None]] = []
        async with running(FakeTriton()) as gateway:

            def accepted(*given: object) -> ClientConnection:
                """Begins the drain after a connection's accept and before it is told of it."""
                draining.append(asyncio.ensure_future(gateway.server.drain(30)))
                return ClientConnection(*given)  # type: ignore[arg-type]

            monkeypatch.setattr(server, "ClientConnection", accepted)
            client = await gateway.connect()
            await until(lambda: gateway.server.open_connections == 1)
            assert not draining[0].done()
            assert (await client.ask(LIVE)).fields["connection"] == "close"
            await asyncio.wait_for(draining[0], PATIENCE_S)

    run(test)
