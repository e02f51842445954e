"""`conch rollback`: serves an earlier version of a model again."""

import asyncio
from typing import Annotated

import typer

from exporters.publishing.versions import version_before
from stack.commands.versions import DEPLOYMENT_SETTINGS, ModelName, require_model
from stack.deployment import open_deployment
from stack.settings import StackSettings
from stack.settings_flags import with_settings


@with_settings(*DEPLOYMENT_SETTINGS)
def rollback(
    *,
    name: ModelName,
    to: Annotated[
        int | None,
        typer.Option("--to", min=1, help="Version to serve. None: the one before."),
    ] = None,
    settings: StackSettings,
) -> None:
    """Serve an earlier version of a model, or any other, without failing a request.

    Example: conch rollback mnist_mlp --to 2
    """
    require_model(settings.model_repository, name)
    version = to or version_before(settings.model_repository, name)
    if asyncio.run(_activate(settings, name, version)):
        typer.echo(f"{name} serves version {version}.")
    else:
        typer.echo(f"No Triton runs; {name} serves version {version} from its next start on.")


async def _activate(settings: StackSettings, name: str, version: int) -> bool:
    async with open_deployment(settings) as deployment:
        return await deployment.activate(name, version)
