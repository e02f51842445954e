"""Runs wrk, the load generator, and reads what its script prints at the end."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stack.errors import TrialError, UsageError
from stack.gateway_bench.pinning import pinned
from stack.gateway_bench.traffic import Traffic, write_lines

_SCRIPT = Path(__file__).with_name("load.lua")
_MARK = "RESULT "


@dataclass(frozen=True)
class LoadResult:
    """What one run of wrk saw."""

    requests: int
    duration_us: int
    bytes: int
    p50_us: int
    p99_us: int
    # Answers with a status of 400 or above.
    refused: int
    # Connections that could not be made, or were broken off, or stalled.
    broken: int

    @property
    def per_second(self) -> float:
        return self.requests * 1e6 / self.duration_us


@dataclass(frozen=True)
class Load:
    """One kind of traffic, ready to be sent to any port; its files lie in `folder`."""

    traffic: Traffic
    folder: Path
    cores: frozenset[int]

    def run(self, port: int, *, connections: int, seconds: int, first: int = 0) -> LoadResult:
        """Send for so long. Raises TrialError when any request failed."""
        command = [
            require_wrk(),
            "--threads=1",
            f"--connections={connections}",
            f"--duration={seconds}s",
            "--timeout=10s",
            f"--script={_SCRIPT}",
            f"http://127.0.0.1:{port}",
            "--",
            *self._arguments(),
            str(first),
        ]
        with pinned(self.cores):
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise TrialError(f"wrk failed: {(done.stderr or done.stdout).strip()}")
        result = parse_result(done.stdout)
        if result.refused or result.broken or not result.requests:
            raise TrialError(
                f"{result.requests} requests came back in {seconds} s, {result.refused} of them "
                f"refused, and {result.broken} connections failed; what fails is not measured."
            )
        return result

    def _arguments(self) -> list[str]:
        body = self.folder / "body"
        if not body.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            paths = tuple(f"/v2/models/{model}/infer" for model in self.traffic.models)
            write_lines(self.folder / "tokens", self.traffic.tokens)
            write_lines(self.folder / "paths", paths)
            body.write_bytes(self.traffic.tensor.body)
        files = [str(self.folder / name) for name in ("tokens", "paths")]
        traffic = self.traffic
        return [str(body), str(traffic.tensor.head_bytes), *files, str(traffic.requests)]


def require_wrk() -> str:
    """Path of wrk. Raises UsageError where it is not installed."""
    path = shutil.which("wrk")
    if path is None:
        raise UsageError(
            "The load generator wrk is not installed; `apt-get install wrk` brings it on Debian."
        )
    return path


def parse_result(output: str) -> LoadResult:
    """The figures in wrk's output; raises TrialError where the script printed none."""
    for line in output.splitlines():
        if line.startswith(_MARK):
            return LoadResult(**json.loads(line.removeprefix(_MARK)))
    raise TrialError(f"wrk printed no result: {output.strip()[-500:]}")
