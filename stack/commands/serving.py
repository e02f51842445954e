"""Brings a version that a command has just published into service."""

import asyncio

from rich.console import Console

from exporters.flow import Exported
from exporters.repository import serve
from stack.deployment import Deployment
from stack.settings import StackSettings
from stack.state import is_running
from stack.triton_client import TritonClient
from stack.triton_command import LOOPBACK


def bring_into_service(exported: Exported, settings: StackSettings, screen: Console) -> None:
    """Through the running server, which goes on with the old version if the new one fails."""
    if not is_running(settings.state_dir):
        serve(settings.model_repository, exported.name, exported.version)
        return
    if asyncio.run(_activate(exported, settings)):
        screen.print(
            f"Triton has loaded version {exported.version} of {exported.name} and serves it.",
            highlight=False,
            markup=False,
        )


async def _activate(exported: Exported, settings: StackSettings) -> bool:
    client = TritonClient(f"http://{LOOPBACK}:{settings.triton_http_port}")
    try:
        deployment = Deployment(client, settings.model_repository)
        return await deployment.activate(exported.name, exported.version)
    finally:
        await client.close()
