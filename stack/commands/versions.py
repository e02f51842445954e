"""`conch versions`: what there is of a model, what is served, and what was refused and why."""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from exporters.errors import PublishError
from exporters.manifest import Manifest, read_manifest
from exporters.publishing.versions import published_versions, rejection, served_versions
from stack.console import console
from stack.deployment import open_deployment
from stack.settings import StackSettings
from stack.settings_flags import with_settings

# The settings that every command takes which changes or shows what is served.
DEPLOYMENT_SETTINGS = (
    "model_repository",
    "state_dir",
    "triton_urls",
    "triton_http_port",
    "triton_server",
    "triton_load_timeout_s",
)
ModelName = Annotated[str, typer.Argument(help="A model of the repository.")]


@dataclass(frozen=True)
class VersionStatus:
    """One version in the repository; `state` is what the running Triton says of it."""

    version: int
    format: str
    precision: str
    size_bytes: int
    created: str
    served: bool
    state: str
    worst_error: float | None
    rejected: str


@with_settings(*DEPLOYMENT_SETTINGS)
def versions(
    *,
    name: ModelName,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    settings: StackSettings,
) -> None:
    """Show the versions of a model: what they are, which is served, which was rejected.

    Example: conch versions mnist_mlp
    """
    repository = settings.model_repository
    require_model(repository, name)
    states = asyncio.run(_states(settings, name))
    found = [
        _status(repository, name, version, states.get(str(version), ""))
        for version in published_versions(repository, name)
    ]
    if as_json:
        typer.echo(json.dumps([asdict(status) for status in found], indent=2))
        return
    screen = console()
    screen.print(_table(found))
    for status in found:
        if status.rejected:
            text = f"Version {status.version} was rejected: {status.rejected}"
            screen.print(Text(text), soft_wrap=True)


def require_model(repository: Path, name: str) -> None:
    """Raise PublishError, with the models there are, unless the repository has this one."""
    if (repository / name).is_dir() and name[:1] != ".":
        return
    folders = repository.iterdir() if repository.is_dir() else ()
    models = sorted(path.name for path in folders if path.is_dir() and path.name[0] != ".")
    raise PublishError(
        f"There is no model '{name}' in {repository}; there is {', '.join(models) or 'none'}."
    )


async def _states(settings: StackSettings, name: str) -> dict[str, str]:
    async with open_deployment(settings) as deployment:
        if not await deployment.live():
            return {}
        return {
            entry["version"]: entry.get("state", "")
            for entry in await deployment.client.index()
            if entry["name"] == name and entry.get("version")
        }


def _status(repository: Path, name: str, version: int, state: str) -> VersionStatus:
    folder = repository / name / str(version)
    manifest = _manifest(folder)
    refused = rejection(repository, name, version)
    return VersionStatus(
        version=version,
        format=manifest.format if manifest else "",
        precision=manifest.precision if manifest else "",
        size_bytes=manifest.size_bytes if manifest else _size_bytes(folder),
        created=manifest.created.isoformat(timespec="seconds") if manifest else "",
        served=version in served_versions(repository, name),
        state=state,
        worst_error=manifest.worst_error if manifest else None,
        rejected=refused.reason if refused else "",
    )


def _manifest(folder: Path) -> Manifest | None:
    """None for a version that was copied in by hand; `conch verify` says what is wrong with it."""
    try:
        return read_manifest(folder)
    except (OSError, ValueError):
        return None


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _table(found: list[VersionStatus]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("VERSION", "FORMAT", "PRECISION"):
        table.add_column(heading)
    for heading in ("BYTES", "WORST ERROR"):
        table.add_column(heading, justify="right")
    for heading in ("CREATED", "SERVED", "STATE"):
        table.add_column(heading)
    for status in found:
        table.add_row(
            str(status.version),
            status.format,
            status.precision,
            f"{status.size_bytes:,}",
            "" if status.worst_error is None else f"{status.worst_error:.1e}",
            status.created[:16].replace("T", " "),
            "yes" if status.served else "rejected" if status.rejected else "",
            status.state,
        )
    return table
