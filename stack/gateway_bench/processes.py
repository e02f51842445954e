"""Servers of the benchmark: each a process group of its own, pinned, and ended with the run."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.errors import TrialError
from stack.gateway_bench.pinning import pinned

# The tables of 100,000 keys take nginx some seconds.
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 30.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Server:
    """One that runs; `group` is its process group."""

    name: str
    port: int
    group: int


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    port: int,
    *,
    cores: frozenset[int],
    folder: Path,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Server]:
    """Run a server in the folder until the block ends. Raises TrialError with its words."""
    log_path = folder / f"{name}.log"
    with log_path.open("wb") as log, pinned(cores):
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )
    try:
        _wait_until_listening(name, port, process, log_path)
        yield Server(name, port, process.pid)
    finally:
        _end(process)


def _wait_until_listening(
    name: str, port: int, process: subprocess.Popen[bytes], log_path: Path
) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            said = log_path.read_text(errors="replace").strip()[-2000:]
            raise TrialError(f"{name} does not listen on port {port}; it said: {said}")
        time.sleep(_POLL_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
