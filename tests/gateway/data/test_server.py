"""The server's own clockwork: it goes on whatever fails."""

import asyncio

import pytest

from gateway.data import server
from gateway.data.client_connection import ClientConnection
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import get, run, running, until


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
