"""A whole stack of one's own on free loopback ports: for benchmarks and end-to-end tests."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateway.settings import PREFIX
from stack.errors import TrialError
from stack.process_orphans import end_orphan, process_files

CONCH = Path(sys.executable).with_name("conch")
_START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 60.0
_POLL_S = 0.05
# Linux gives clients ports from 32768 on (net.ipv4.ip_local_port_range).
_PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, below those the kernel gives to clients.

    A client that tries again and again to reach a closed port from the kernel's own range ends
    up connected to itself, and then holds the port that a restarting server needs.
    """
    found: list[int] = []
    for port in random.sample(_PORTS, k=len(_PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == count:
            return found
    raise TrialError(f"Of the ports {_PORTS} not even {count} are free.")


@dataclass
class TrialStack:
    """One `conch up` (or `gateway`) whose state, log and, by default, models lie in `folder`."""

    folder: Path
    model_repository: Path | None = None
    command: str = "up"
    ports: list[int] = field(default_factory=lambda: free_ports(5))
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The gateway's data plane."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def admin_url(self) -> str:
        """The gateway's admin plane."""
        return f"http://127.0.0.1:{self.ports[1]}"

    @property
    def triton_url(self) -> str:
        """Triton itself, past the gateway."""
        return f"http://127.0.0.1:{self.ports[2]}"

    @property
    def state_dir(self) -> Path:
        """Where this stack keeps its records, logs and process files."""
        return self.folder / "state"

    @property
    def output(self) -> str:
        """What `conch up` has printed."""
        return (self.folder / "up.log").read_text()

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which every `conch` command means this stack."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        repository = self.model_repository or self.folder / "model_repository"
        return own | {
            "CONCH_PORT": str(self.ports[0]),
            "CONCH_ADMIN_PORT": str(self.ports[1]),
            "CONCH_TRITON_HTTP_PORT": str(self.ports[2]),
            "CONCH_TRITON_GRPC_PORT": str(self.ports[3]),
            "CONCH_TRITON_METRICS_PORT": str(self.ports[4]),
            "CONCH_TRITON_URLS": self.triton_url,
            "CONCH_STATE_DIR": str(self.state_dir),
            "CONCH_MODEL_REPOSITORY": str(repository),
            "PATH": f"{CONCH.parent}{os.pathsep}{own['PATH']}",
            "COLUMNS": "100",
        }

    def conch(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a `conch` command against this stack."""
        return subprocess.run(
            [CONCH, *arguments],
            env=self.environment | extra,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self) -> None:
        """`conch up`, and wait until it is ready. Raises TrialError with its output."""
        with (self.folder / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [CONCH, self.command],
                env=self.environment,
                stdout=log,
                stderr=log,
                # With an export of its own, so that both can be killed.
                process_group=0,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._abandon(self.process)
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while "Ready" not in self.output:
            if self.exited or time.monotonic() > deadline:
                raise TrialError(f"`conch {self.command}` did not become ready: {self.output}")
            time.sleep(_POLL_S)

    def _abandon(self, process: subprocess.Popen[bytes]) -> None:
        """End what did not become ready, with everything it has started."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for record in process_files(self.state_dir).glob("*.json"):
                asyncio.run(end_orphan(record))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; returns the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        return self.process.wait(timeout=_STOP_TIMEOUT_S)

    @property
    def exited(self) -> bool:
        """Whether `conch up` was started and has ended."""
        return self.process is not None and self.process.poll() is not None
