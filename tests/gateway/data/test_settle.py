"""Every request is told of once, as it went."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.data.access_log import AccessLog
from gateway.rates import Rate
from tests.gateway.fake_triton import OK_BODY, FakeTriton
from tests.gateway.helpers import INFER, Gateway, get, post, run, running, until


def logged(gateway: Gateway, path: Path) -> list[dict[str, object]]:
    assert gateway.gate.access_log is not None
    gateway.gate.access_log.flush()
    return [json.loads(line) for line in path.read_text().splitlines()]


def log_to(gateway: Gateway, path: Path) -> None:
    gateway.gate.access_log = AccessLog(str(path))


def test_an_inference_is_told_with_its_sizes_and_its_caller(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "log"
        async with running(FakeTriton()) as gateway:
            log_to(gateway, path)
            await gateway.ask(post(INFER, gateway.token, b'{"a":1}', b"X-Request-Id: r-7\r\n"))
            (line,) = logged(gateway, path)
        assert line["request_id"] == "r-7"
        assert (line["method"], line["path"]) == ("POST", "/v2/models/echo/infer")
        assert (line["status"], line["model"], line["tenant"]) == (200, "echo", "acme")
        assert line["principal"] == gateway.token.split("_")[1]
        assert line["peer"] == "127.0.0.1"
        assert (line["received_bytes"], line["sent_bytes"]) == (7, len(OK_BODY))
        assert "code" not in line
        assert gateway.token not in path.read_text()

    run(test)


def test_a_refusal_is_told_with_its_code(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "log"
        async with running(FakeTriton()) as gateway:
            log_to(gateway, path)
            limited = gateway.add_key(limit=Rate(1, 3600, 1))
            for token in (None, limited, limited):
                await gateway.ask(post(INFER, token))
            told = [(line["status"], line.get("code")) for line in logged(gateway, path)]
        assert told == [(401, "unauthenticated"), (200, None), (429, "quota_exceeded")]

    run(test)


@pytest.mark.parametrize("path", [b"/v2/models/echo", b"/v9/none"])
def test_a_query_may_hold_a_secret_and_is_not_told(tmp_path: Path, path: bytes) -> None:
    async def test() -> None:
        log = tmp_path / "log"
        async with running(FakeTriton()) as gateway:
            log_to(gateway, log)
            await gateway.ask(get(path + b"?api_key=secret", gateway.token))
            (line,) = logged(gateway, log)
        assert line["path"] == path.decode()
        assert "secret" not in log.read_text()

    run(test)


def test_a_client_that_leaves_is_told_as_499(tmp_path: Path) -> None:
    async def test() -> None:
        async def silent(
            triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await triton.read_request(reader)
            await reader.read()

        path = tmp_path / "log"
        triton = FakeTriton(behaviour=silent)
        async with running(triton) as gateway:
            log_to(gateway, path)
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            await until(lambda: bool(triton.asked))
            client.close()
            await until(lambda: not gateway.server.open_connections)
            (line,) = logged(gateway, path)
            assert (line["status"], line["model"]) == (499, "echo")
            assert gateway.gate.metrics.in_flight == 0
            assert gateway.count("", 499) == 1

    run(test)
