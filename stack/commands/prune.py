"""`conch prune`: removes old versions of a model."""

import asyncio
from typing import Annotated

import typer

from stack.commands.versions import DEPLOYMENT_SETTINGS, ModelName, require_model
from stack.deployment import open_deployment
from stack.settings import StackSettings
from stack.settings_flags import with_settings


@with_settings(*DEPLOYMENT_SETTINGS)
def prune(
    *,
    name: ModelName,
    keep: Annotated[int, typer.Option("--keep", min=1, help="Newest versions that stay.")],
    settings: StackSettings,
) -> None:
    """Remove all but the newest versions of a model; what is served always stays.

    Example: conch prune mnist_mlp --keep 3
    """
    require_model(settings.model_repository, name)
    gone = asyncio.run(_prune(settings, name, keep))
    if gone:
        typer.echo(f"Removed from {name}: version {', '.join(map(str, gone))}.")
    else:
        typer.echo(f"{name} has no version to remove.")


async def _prune(settings: StackSettings, name: str, keep: int) -> list[int]:
    async with open_deployment(settings) as deployment:
        return await deployment.prune(name, keep=keep)
