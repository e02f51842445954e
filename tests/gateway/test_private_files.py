"""Who may read what the gateway's processes write: hashes of keys, names of tenants, logs."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.data.access_log import AccessLog
from gateway.private_files import keep_files_private
from gateway.records.migrate import migrate
from stack.state import state_lock
from tests.gateway.processes import GatewayProcess, free_port


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Of a login on most systems; processes that a test starts inherit it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_a_gateway_writes_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{state_dir}/conch.db"))
    port, log = free_port(), state_dir / "logs" / "access.log"
    worker = GatewayProcess(
        "gateway.worker",
        {
            "CONCH_PORT": str(port),
            "CONCH_STATE_DIR": str(state_dir),
            "CONCH_ACCESS_LOG": str(log),
        },
    )
    worker.start()
    worker.wait_until_listening(port)
    made = [state_dir, *state_dir.rglob("*")]
    assert {"conch.db", "conch.db-wal", "access.log"} <= {path.name for path in made}
    assert any(path.parent.name == "metrics" for path in made)
    assert [path for path in made if mode(path) & 0o077] == [log]
    assert mode(log) == 0o640
    assert worker.stop()[0] == 0


def test_a_new_state_directory_is_private_and_one_that_was_there_stays_as_it_is(
    tmp_path: Path,
) -> None:
    with state_lock(tmp_path / "new"):
        made = [tmp_path / "new", *(tmp_path / "new").iterdir()]
        assert not [path for path in made if mode(path) & 0o077]
    old = tmp_path / "old"
    old.mkdir(mode=0o755)
    with state_lock(old):
        assert mode(old) == 0o755


def test_an_access_log_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.touch(mode=0o600)
    keep_files_private()
    AccessLog(str(path)).close()
    AccessLog(str(tmp_path / "new.log")).close()
    assert (mode(path), mode(tmp_path / "new.log")) == (0o600, 0o640)
