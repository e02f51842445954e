"""Brings a version that a command has just published into service."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from exporters.flow import Exported
from stack.deployment import open_deployment
from stack.settings import StackSettings
from stack.state import is_running

ChangeInterface = Annotated[
    bool,
    typer.Option(
        "--change-interface",
        help="Publish although clients of the served version could not call it.",
    ),
]


def bring_into_service(exported: Exported, settings: StackSettings, screen: Console) -> None:
    """Through the running server, which goes on with the old version if the new one fails."""
    if asyncio.run(_activate(exported, settings)):
        screen.print(
            f"Triton has loaded version {exported.version} of {exported.name} and serves it.",
            highlight=False,
            markup=False,
        )
    elif not is_running(settings.state_dir):
        screen.print(
            f"No stack runs on {settings.state_dir}. One that serves {settings.model_repository} "
            "takes it at its next start.",
            highlight=False,
            markup=False,
        )


async def _activate(exported: Exported, settings: StackSettings) -> bool:
    async with open_deployment(settings) as deployment:
        return await deployment.activate(exported.name, exported.version)
