"""The gateway's two parts as the stack runs them: data plane, with its workers, and admin plane."""

import asyncio
import os
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from gateway.settings import PREFIX, GatewaySettings, environment_name
from stack.errors import ProcessError
from stack.process import Command, ManagedProcess
from stack.process_supervisor import Supervisor
from stack.settings import StackSettings

_READY_TIMEOUT_S = 30.0
# Beside the gateway's own drain: it kills what has not ended then.
_STOP_MARGIN_S = 10.0
_POLL_S = 0.05
_PROBE_TIMEOUT_S = 1.0


class GatewayProcess:
    """One of the two; at `alive_url` it can be called once it has started."""

    def __init__(
        self,
        name: str,
        module: str,
        alive_url: str,
        settings: StackSettings,
        environment: Mapping[str, str],
        on_problem: Callable[[str], None],
    ) -> None:
        self._alive_url = alive_url
        self._stop_timeout_s = settings.drain_delay_s + settings.drain_timeout_s + _STOP_MARGIN_S
        self._process = ManagedProcess(
            Command(
                name=name,
                arguments=[sys.executable, "-m", module],
                environment=environment,
                # No .env and no conch.toml lie here: what they say has been read already.
                directory=settings.state_dir.resolve(),
            ),
            settings.state_dir,
        )
        self._supervisor = Supervisor(self._process, restart=self.start, on_problem=on_problem)

    async def end_orphan(self) -> None:
        """End what a run that is over left of it, so that its port is free."""
        await self._process.end_orphan()

    async def start(self) -> None:
        """Start it and wait until it answers. Raises ProcessError with the end of its log."""
        await self._process.start()
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while True:
            answered = await _answers(self._alive_url)
            # Another's answer, where it has ended.
            if self._process.pid is None or time.monotonic() > deadline:
                raise ProcessError(self._failure())
            if answered:
                return
            await asyncio.sleep(_POLL_S)

    async def run(self) -> None:
        """Keep it running until `stop`."""
        await self._supervisor.run()

    async def stop(self) -> None:
        """Let it finish its requests, then end it."""
        self._supervisor.stopping()
        await self._process.stop(timeout_s=self._stop_timeout_s)

    def _failure(self) -> str:
        lines = self._process.log_path.read_text(errors="replace").strip().splitlines()
        said = lines[-1] if lines else "it said nothing"
        return f"{self._process.command.name} did not start: {said} (log: {self._process.log_path})"


def gateway_processes(
    settings: StackSettings, triton_url: str, on_problem: Callable[[str], None]
) -> list[GatewayProcess]:
    """The data plane and the admin plane, not yet started."""
    environment = gateway_environment(settings, triton_url)
    return [
        GatewayProcess("gateway", "gateway", settings.url, settings, environment, on_problem),
        GatewayProcess(
            "admin", "gateway.admin", settings.admin_url, settings, environment, on_problem
        ),
    ]


def gateway_environment(settings: StackSettings, triton_url: str) -> dict[str, str]:
    """This process's environment with the gateway's own settings and no other CONCH_ name."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {name: _text(getattr(settings, name)) for name in GatewaySettings.model_fields}
    given["triton_urls"] = triton_url
    given["database_url"] = settings.records_url
    return own | {environment_name(name): value for name, value in given.items()}


def _text(value: object) -> str:
    """As a variable says it; the process runs in another folder, so that a path is absolute."""
    if value is None:
        return ""
    return str(value.resolve()) if isinstance(value, Path) else str(value)


async def _answers(url: str) -> bool:
    """Whether somebody takes connections there, not only listens.

    Nothing is asked: a request would be in the access log and in the metrics.
    """
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port, ssl=_trusting_all() if is_tls else None
        )
        try:
            return is_tls or await _hangs_up(reader, writer)
        finally:
            writer.transport.abort()
    return False


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """As a server does with who leaves without a word; nobody does it for a mere listener."""
    writer.write_eof()
    with suppress(TimeoutError):
        return not await asyncio.wait_for(reader.read(), _PROBE_TIMEOUT_S)
    return False


def _trusting_all() -> ssl.SSLContext:
    """The server's certificate need not name this host."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
