"""`conch gateway` on records without a single key."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stack.trial import free_ports
from tests.stack.commands.typed import as_json
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]


def _said_until_ready(folder: Path, *flags: str) -> str:
    """What it prints until it is ready; then it is ended."""
    port, admin_port = free_ports(2)
    output = folder / "said"
    ports = ("--port", str(port), "--admin-port", str(admin_port))
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stack", "gateway", *ports, *flags],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: "Ready." in output.read_text(), timeout_s=60)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    return output.read_text()


def test_it_names_the_command_that_makes_a_key_until_there_is_one(tmp_path: Path) -> None:
    assert "no keys yet: `conch keys create --tenant NAME`" in _said_until_ready(tmp_path)
    as_json(tmp_path, "keys", "create", "--tenant", "acme")
    assert "no keys yet" not in _said_until_ready(tmp_path)


def test_the_command_names_a_state_directory_of_its_own(tmp_path: Path) -> None:
    said = _said_until_ready(tmp_path, "--state-dir", "of its own")
    assert "`conch keys create --tenant NAME --state-dir 'of its own'`" in said


def test_it_tells_how_limits_are_kept_without_redis(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    said = _said_until_ready(tmp_path, "--redis-url", f"redis://127.0.0.1:{port}")
    assert "Redis (CONCH_REDIS_URL) does not answer." in said
