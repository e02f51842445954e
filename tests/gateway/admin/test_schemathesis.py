"""The admin API as a process against its own description: requests right, wrong and in chains."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.records.migrate import migrate
from gateway.records.store import Records
from tests.gateway.processes import GatewayProcess, free_port

MOST_S = 25
# What is wrong in meaning alone, as a burst without a rate, no schema tells: it is a 422 as well.
_CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"""


def test_every_answer_is_as_described_and_none_is_a_fault(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis comes with the extra [dev]")
    url = f"sqlite+aiosqlite:///{tmp_path}/conch.db"
    port = free_port()
    settings = {"CONCH_STATE_DIR": str(tmp_path), "CONCH_ADMIN_PORT": str(port)}
    plane = GatewayProcess("gateway.admin", settings)
    token = asyncio.run(_new_admin(url))
    plane.start()
    try:
        plane.wait_until_listening(port)
        done = subprocess.run(
            [
                *(f"{Path(sys.executable).parent}/schemathesis", "run"),
                f"http://127.0.0.1:{port}/openapi.json",
                *("--header", f"Authorization: Bearer {token}"),
                *("--max-time", str(MOST_S), "--max-examples", "20", "--seed", "1"),
                *("--no-shrink", "--warnings", "off"),
            ],
            cwd=_folder(tmp_path),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        errors = plane.stop()[2]
    assert "Traceback" not in errors


async def _new_admin(url: str) -> str:
    await migrate(url)
    records = Records(url)
    try:
        return await records.create_admin("ops")
    finally:
        await records.close()


def _folder(tmp_path: Path) -> Path:
    """Where it finds its settings, and leaves its reports."""
    folder = tmp_path / "schemathesis"
    folder.mkdir()
    (folder / "schemathesis.toml").write_text(_CONFIG)
    return folder
