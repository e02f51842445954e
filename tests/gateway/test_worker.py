"""The worker as a process: how it starts, ends, and what it says when it cannot start."""

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.compiled import is_compiled
from gateway.limits import Concurrency, Limit, Metric
from gateway.quotas.held_file import HeldFile
from gateway.quotas.holding import Holding
from gateway.records.migrate import migrate
from gateway.records.store import Records
from tests.gateway.conftest import RunningGateway
from tests.gateway.processes import GatewayProcess, free_port
from tests.waiting import wait_until

_NOBODY = "http://127.0.0.1:1"
T = TypeVar("T")


def _settings(state_dir: Path, port: int, **more: str) -> dict[str, str]:
    return {"CONCH_PORT": str(port), "CONCH_STATE_DIR": str(state_dir)} | more


def _migrate(state_dir: Path) -> None:
    asyncio.run(migrate(f"sqlite+aiosqlite:///{state_dir}/conch.db"))


def _fails(module: str, settings: dict[str, str]) -> str:
    """Standard error of a process that cannot start: one line."""
    process = GatewayProcess(module, settings)
    process.start()
    code, _, errors = process.outcome()
    assert code == 1
    assert errors.startswith("error: ") and errors.count("\n") == 1
    return errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told_to(tmp_path: Path, number: int) -> None:
    _migrate(tmp_path)
    port = free_port()
    worker = GatewayProcess("gateway.worker", _settings(tmp_path, port))
    worker.start()
    worker.wait_until_listening(port)
    code, output, errors = worker.stop(number)
    assert code == 0 and not errors
    assert "worker_ready" in output and f"compiled={is_compiled()}" in output
    assert "Traceback" not in output


def _leave_leases(state_dir: Path, holder: str) -> Path:
    """As a worker that was killed."""
    held = HeldFile(state_dir / "leases", holder)
    held.note(Holding(Limit("limit_1", "acme", None, "*", Metric.REQUESTS, Concurrency(1))))
    held.close()
    return state_dir / "leases" / f"{holder}.leases"


def test_it_ends_leases_of_the_dead_before_it_listens_and_while_it_serves(tmp_path: Path) -> None:
    _migrate(tmp_path)
    port = free_port()
    before = _leave_leases(tmp_path, "before")
    worker = GatewayProcess("gateway.worker", _settings(tmp_path, port))
    worker.start()
    worker.wait_until_listening(port)
    assert not before.exists()
    later = _leave_leases(tmp_path, "later")
    wait_until(lambda: not later.exists())
    code, output, _ = worker.stop()
    assert code == 0
    assert output.count("leases_ended") == 2


def test_without_records_it_does_not_start(tmp_path: Path) -> None:
    assert "no records at" in _fails("gateway.worker", _settings(tmp_path, free_port()))


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    _migrate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in _fails("gateway.worker", _settings(tmp_path, port))
        settings = _settings(tmp_path, free_port(), CONCH_ADMIN_PORT=str(port))
        assert f"127.0.0.1:{port}" in _fails("gateway.admin", settings)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("CONCH_TRITON_URL", "x", "did you mean CONCH_TRITON_URLS"),
        ("CONCH_PORT", "0", "CONCH_PORT: '0' is below 1"),
        ("CONCH_TRITON_URLS", "https://x", "CONCH_TRITON_URLS is 'https://x'"),
        ("CONCH_TRITON_URLS", "http://a:1,http://b", "CONCH_TRITON_URLS is 'http://b'"),
        ("CONCH_TRITON_URLS", "http://a:1,http://a:1", "'http://a:1' is given twice"),
        ("CONCH_DATABASE_URL", "nonsense", "CONCH_DATABASE_URL cannot be used"),
        ("CONCH_DATABASE_URL", "mysql://u:p@h:x/db", "its port is not a number"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str, named: str) -> None:
    _migrate(tmp_path)
    settings = _settings(tmp_path, free_port()) | {name: value}
    assert named in _fails("gateway.worker", settings)


def test_the_admin_plane_shows_what_a_worker_counted(gateway: RunningGateway) -> None:
    import httpx2

    token = gateway.new_key().token
    headers = {"Authorization": f"Bearer {token}"}
    httpx2.get(
        f"http://127.0.0.1:{gateway.port}/v2/models/echo", headers=headers
    ).raise_for_status()
    admin_port = free_port()
    admin = GatewayProcess("gateway.admin", gateway.settings(CONCH_ADMIN_PORT=str(admin_port)))
    admin.start()
    try:
        admin.wait_until_listening(admin_port)
        text = httpx2.get(f"http://127.0.0.1:{admin_port}/metrics").text
        assert 'conch_requests_total{model="echo",status="200"}' in text
        assert 'conch_request_duration_seconds_bucket{le="0.005",model="echo"}' in text
        assert "conch_requests_in_flight 0.0" in text
    finally:
        assert admin.stop()[0] in (0, -signal.SIGTERM)


def test_a_revoked_key_is_refused_soon(gateway: RunningGateway) -> None:
    import httpx2

    new = gateway.new_key()
    headers = {"X-API-Key": new.token}
    with httpx2.Client(base_url=f"http://127.0.0.1:{gateway.port}", headers=headers) as client:
        assert client.get("/v2").status_code == 200
        gateway.revoke(new.id)
        revoked_s = time.monotonic()
        wait_until(lambda: client.get("/v2").status_code == 401)
        print(f"refused {time.monotonic() - revoked_s:.2f} s after it was revoked")


def test_a_rotated_key_ends_and_begins_soon_and_its_use_is_written(
    tmp_path: Path,
) -> None:
    import httpx2

    _migrate(tmp_path)
    port = free_port()
    url = f"sqlite+aiosqlite:///{tmp_path}/conch.db"
    first = asyncio.run(_in_records(url, lambda records: records.create_key("acme")))
    # No Triton is there: whoever is let in gets 503.
    worker = GatewayProcess("gateway.worker", _settings(tmp_path, port, CONCH_TRITON_URLS=_NOBODY))
    worker.start()
    try:
        worker.wait_until_listening(port)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:

            def status(token: str) -> int:
                return client.get("/v2", headers={"X-API-Key": token}).status_code

            assert status(first.token) == 503
            second = asyncio.run(
                _in_records(url, lambda records: records.rotate_key(first.id, timedelta()))
            )
            rotated_s = time.monotonic()
            wait_until(lambda: (status(first.token), status(second.token)) == (401, 503))
            print(f"changed {time.monotonic() - rotated_s:.2f} s after it was rotated")
    finally:
        assert worker.stop()[0] == 0
    key = asyncio.run(_in_records(url, lambda records: records.find_key(first.id)))
    assert key is not None and key.last_used is not None
    assert datetime.now(UTC) - key.last_used < timedelta(minutes=1)


async def _in_records(url: str, use: Callable[[Records], Awaitable[T]]) -> T:
    records = Records(url)
    try:
        return await use(records)
    finally:
        await records.close()
