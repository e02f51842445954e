"""`conch models`: what Triton has loaded, how it batches and how long each stage takes."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.table import Table

from stack.client import call
from stack.console import console
from stack.errors import NotAnsweringError
from stack.settings import StackSettings
from stack.settings_flags import with_settings

_ELSEWHERE = (
    "If its Triton has another address, give it with --triton-http-port or --triton-urls "
    "(CONCH_TRITON_HTTP_PORT, CONCH_TRITON_URLS)."
)


@dataclass(frozen=True)
class ModelStatus:
    """One version of one model as Triton reports it; durations are means per request."""

    name: str
    version: str
    state: str
    reason: str
    backend: str = ""
    requests: int = 0
    failures: int = 0
    mean_batch: float = 0.0
    queue_ms: float = 0.0
    compute_ms: float = 0.0


@with_settings("triton_urls", "triton_http_port")
def models(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    settings: StackSettings,
) -> None:
    """Show the loaded models: versions, backend, batch statistics.

    Example: conch models --json
    """
    try:
        found = model_statuses(settings.triton_url)
    except NotAnsweringError as error:
        raise NotAnsweringError(f"{error} {_ELSEWHERE}") from error
    if as_json:
        typer.echo(json.dumps([asdict(status) for status in found], indent=2))
        return
    screen = console(markup=False)
    screen.print(status_table(found))
    for status in found:
        if status.reason:
            screen.print(f"{status.name} {status.version}: {status.reason}", highlight=False)


def model_statuses(triton_url: str) -> list[ModelStatus]:
    """Every version of every model Triton knows, with its statistics since it was loaded."""
    index = call(triton_url, "/v2/repository/index", content=b"{}").json()
    return [_status(triton_url, entry) for entry in index]


def status_table(found: list[ModelStatus]) -> Table:
    """The statuses as a table for people."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("MODEL", "VERSION", "STATE", "BACKEND"):
        table.add_column(heading, no_wrap=True)
    for heading in ("REQUESTS", "FAILED", "MEAN\nBATCH", "QUEUE\nms", "COMPUTE\nms"):
        table.add_column(heading, justify="right")
    for status in found:
        table.add_row(
            status.name,
            status.version,
            status.state,
            status.backend,
            str(status.requests),
            str(status.failures),
            f"{status.mean_batch:.1f}",
            f"{status.queue_ms:.2f}",
            f"{status.compute_ms:.2f}",
        )
    return table


def _status(triton_url: str, entry: dict[str, str]) -> ModelStatus:
    name, version = entry["name"], entry.get("version", "")
    state, reason = entry.get("state", "NOT LOADED"), entry.get("reason", "")
    if state != "READY":
        return ModelStatus(name, version, state, reason)
    path = f"/v2/models/{name}/versions/{version}"
    backend = call(triton_url, f"{path}/config").json()["backend"]
    stats = call(triton_url, f"{path}/stats").json()["model_stats"][0]
    executions = stats["execution_count"]
    return ModelStatus(
        name,
        version,
        state,
        reason,
        backend=backend,
        requests=stats["inference_stats"]["success"]["count"],
        failures=stats["inference_stats"]["fail"]["count"],
        mean_batch=stats["inference_count"] / executions if executions else 0.0,
        queue_ms=_mean_ms(stats, "queue"),
        compute_ms=_mean_ms(stats, "compute_infer"),
    )


def _mean_ms(stats: dict[str, Any], stage: str) -> float:
    duration = stats["inference_stats"][stage]
    return float(duration["ns"]) / duration["count"] / 1e6 if duration["count"] else 0.0
