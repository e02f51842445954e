"""A worker before the cheap upstream, and how much memory a process takes."""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateway.conftest import RunningGateway, running_gateway
from tests.gateway.processes import PATIENCE_S, free_port, wait_for

MIB = 1024 * 1024


@contextmanager
def running_upstream(module: str, *arguments: object) -> Iterator[int]:
    """`python -m MODULE PORT ARGUMENTS` until the block ends; yields its port."""
    port = free_port()
    told = map(str, (port, *arguments))
    process = subprocess.Popen([sys.executable, "-m", module, *told])
    try:
        wait_for(f"http://127.0.0.1:{port}/", process)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@contextmanager
def gateway_before_fake_server(**settings: str) -> Iterator[RunningGateway]:
    """A real worker with its access log on; what it writes there is not kept."""
    told = {"CONCH_ACCESS_LOG": "/dev/null"} | settings
    with (
        running_upstream("tests.gateway.long_runs.fake_server") as port,
        tempfile.TemporaryDirectory() as state_dir,
        running_gateway(port, Path(state_dir), **told) as gateway,
    ):
        yield gateway


def resident_bytes(pid: int) -> int:
    """Memory that the process has in RAM now."""
    return _status_kib(pid, "VmRSS") * 1024


def peak_bytes(pid: int) -> int:
    """The most memory that it ever had in RAM."""
    return _status_kib(pid, "VmHWM") * 1024


def allow_open_files(count: int) -> None:
    """Raise the limit of this process, and of those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= count, f"{count} open files are needed, {hard} allowed; raise `ulimit -Hn`"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no {name}")
