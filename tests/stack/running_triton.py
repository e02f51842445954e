"""An embedded Triton on free ports, supervised in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.settings import StackSettings
from stack.trial import free_ports
from stack.triton import EmbeddedTriton
from stack.triton_models import LoadReport


@dataclass
class RunningTriton:
    """What a test needs to know about the server."""

    settings: StackSettings
    triton: EmbeddedTriton
    loop: asyncio.AbstractEventLoop
    report: LoadReport
    problems: list[str] = field(default_factory=list)

    @property
    def http_url(self) -> str:
        return self.triton.http_url

    @property
    def http_address(self) -> str:
        """`127.0.0.1:8000`, as tritonclient wants it."""
        return self.triton.http_url.removeprefix("http://")

    @property
    def repository(self) -> Path:
        return self.settings.model_repository

    @property
    def pid(self) -> int:
        return self.triton.pid or 0

    def call(self, work: Coroutine[Any, Any, Any], timeout_s: float = 60) -> Any:
        """Run a coroutine on the server's own event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)


@contextmanager
def running_triton(repository: Path, state_dir: Path, **changes: Any) -> Iterator[RunningTriton]:
    """Start, supervise, and stop at the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    problems: list[str] = []
    triton = EmbeddedTriton(triton_settings(repository, state_dir, **changes), problems.append)
    try:
        report = asyncio.run_coroutine_threadsafe(triton.start(), loop).result(120)
        supervision = asyncio.run_coroutine_threadsafe(triton.run(), loop)
        yield RunningTriton(triton._settings, triton, loop, report, problems)
        asyncio.run_coroutine_threadsafe(triton.stop(), loop).result(60)
        supervision.result(5)
    finally:
        asyncio.run_coroutine_threadsafe(triton.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def triton_settings(repository: Path, state_dir: Path, **changes: Any) -> StackSettings:
    """Settings on free ports, whatever this machine's environment says."""
    http_port, grpc_port, metrics_port = free_ports(3)
    given = {
        "triton_http_port": http_port,
        "triton_grpc_port": grpc_port,
        "triton_metrics_port": metrics_port,
        "triton_exit_timeout_s": 10,
    }
    return StackSettings(
        model_repository=repository, state_dir=state_dir, _env_file=None, **(given | changes)
    )
