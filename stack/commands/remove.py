"""`conch remove`: takes a model out of service and out of the repository."""

import asyncio
from typing import Annotated

import typer

from stack.commands.versions import DEPLOYMENT_SETTINGS, ModelName, require_model
from stack.deployment import open_deployment
from stack.settings import StackSettings
from stack.settings_flags import with_settings


@with_settings(*DEPLOYMENT_SETTINGS)
def remove(
    *,
    name: ModelName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    settings: StackSettings,
) -> None:
    """Remove a model with all its versions; it cannot be brought back.

    Example: conch remove mnist_mlp --yes
    """
    repository = settings.model_repository
    require_model(repository, name)
    if not yes:
        typer.confirm(f"Remove {name} with all its versions from {repository}?", abort=True)
    asyncio.run(_remove(settings, name))
    typer.echo(f"{name} is removed.")


async def _remove(settings: StackSettings, name: str) -> None:
    async with open_deployment(settings) as deployment:
        await deployment.remove(name)
