"""Runs the proxies written in Python."""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gateway.keys import NewKey
from stack.gateway_bench.processes import Server, running
from stack.gateway_bench.traffic import write_lines

ROOT = Path(__file__).parents[2]


def run_python_peer(
    module: str,
    keys: Sequence[NewKey],
    *,
    port: int,
    triton_port: int,
    cores: frozenset[int],
    folder: Path,
    options: Sequence[str] = (),
) -> AbstractContextManager[Server]:
    """Run `stack.gateway_bench.peers.MODULE` until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    key_file = write_lines(folder / "keys", tuple(key.token for key in keys))
    command = [sys.executable, "-m", f"{__package__}.peers.{module}"]
    command += [str(port), f"http://127.0.0.1:{triton_port}", str(key_file), *options]
    return running(
        module, command, port, cores=cores, folder=folder, environment=python_environment()
    )


def python_environment(code: Path = ROOT) -> dict[str, str]:
    """Programs run in a folder of their own, and still find this very code."""
    return {**os.environ, "PYTHONPATH": str(code)}
