"""The rules for intermediaries, seen from both ends: scripts of varnishtest around a real worker.

In each file of vtc/ a server plays Triton and clients call the worker.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.records.migrate import migrate
from gateway.records.store import Records
from tests.gateway.processes import GatewayProcess, free_port

_FILES = sorted((Path(__file__).parent / "vtc").glob("*.vtc"))
_PROGRAM = shutil.which("varnishtest")

pytestmark = pytest.mark.skipif(
    _PROGRAM is None, reason="varnishtest is not on the path; `make test` unpacks Debian's"
)


@dataclass
class Macros:
    """What the scripts are told."""

    gateway: str
    triton: str
    key: str

    def options(self) -> list[str]:
        return [f"-D{name}={value}" for name, value in vars(self).items()]


async def _new_key(records_url: str) -> str:
    await migrate(records_url)
    records = Records(records_url)
    try:
        return (await records.create_key("acme")).token
    finally:
        await records.close()


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Macros]:
    state_dir = tmp_path_factory.mktemp("state")
    port, triton_port = free_port(), free_port()
    key = asyncio.run(_new_key(f"sqlite+aiosqlite:///{state_dir}/conch.db"))
    settings = {
        "CONCH_PORT": str(port),
        "CONCH_STATE_DIR": str(state_dir),
        "CONCH_TRITON_URLS": f"http://127.0.0.1:{triton_port}",
    }
    worker = GatewayProcess("gateway.worker", settings)
    worker.start()
    try:
        worker.wait_until_listening(port)
        yield Macros(f"127.0.0.1:{port}", f"127.0.0.1:{triton_port}", key)
    finally:
        code, output, errors = worker.stop()
        assert code == 0 and not errors
        assert "Traceback" not in output


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_script(file: Path, macros: Macros, tmp_path: Path) -> None:
    assert _PROGRAM is not None
    command = [_PROGRAM, "-t", "20", *macros.options(), str(file)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
