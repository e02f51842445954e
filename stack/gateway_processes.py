"""The gateway's two processes as the stack runs them: data plane and admin plane."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import httpx2

from gateway.settings import PREFIX, GatewaySettings, environment_name, http_url
from stack.errors import ProcessError
from stack.process import Command, ManagedProcess
from stack.process_supervisor import Supervisor
from stack.settings import StackSettings

_READY_TIMEOUT_S = 30.0
# Longer than the gateway's own drain, which is bounded by the slowest answer it waits for.
_STOP_TIMEOUT_S = 30.0
_POLL_S = 0.05


class GatewayProcess:
    """One of the two; `alive_url` answers 200 once it can be called."""

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
        async with httpx2.AsyncClient(trust_env=False) as client:
            while True:
                answered = await _answers(client, self._alive_url)
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
        await self._process.stop(timeout_s=_STOP_TIMEOUT_S)

    def _failure(self) -> str:
        lines = self._process.log_path.read_text(errors="replace").strip().splitlines()
        said = lines[-1] if lines else "it said nothing"
        return f"{self._process.command.name} did not start: {said} (log: {self._process.log_path})"


def gateway_processes(
    settings: StackSettings, triton_url: str, on_problem: Callable[[str], None]
) -> list[GatewayProcess]:
    """The worker and the admin plane, not yet started."""
    environment = gateway_environment(settings, triton_url)
    worker_url = http_url(settings.host, settings.port)
    admin_url = http_url(settings.admin_host, settings.admin_port)
    return [
        # Any answer will do: Triton's own health is not the gateway's.
        GatewayProcess("gateway", "gateway.worker", worker_url, settings, environment, on_problem),
        GatewayProcess(
            "admin", "gateway.admin", f"{admin_url}/healthz", settings, environment, on_problem
        ),
    ]


def gateway_environment(settings: StackSettings, triton_url: str) -> dict[str, str]:
    """This process's environment with the gateway's own settings and no other CONCH_ name."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {name: str(getattr(settings, name)) for name in GatewaySettings.model_fields}
    given["state_dir"] = str(settings.state_dir.resolve())
    given["triton_urls"] = triton_url
    given["database_url"] = settings.records_url
    return own | {environment_name(name): value for name, value in given.items()}


async def _answers(client: httpx2.AsyncClient, url: str) -> bool:
    with suppress(httpx2.TransportError):
        await client.get(url)
        return True
    return False
