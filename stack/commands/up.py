"""`conch up` and `conch gateway`: run the stack, or only the gateway, until told to stop."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.settings import GatewaySettings
from stack.commands.models import ModelStatus, model_statuses
from stack.console import console
from stack.gateway_processes import GatewayProcess, gateway_processes
from stack.limits_store import limits_note
from stack.model_look import look_at_models
from stack.preflight import check_hosts, check_ports, require
from stack.process_ports import port_holder
from stack.settings import StackSettings
from stack.settings_flags import with_settings
from stack.state import note_triton, state_lock
from stack.triton import EmbeddedTriton

# SIGHUP: the terminal was closed.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_USUAL_URL = "http://127.0.0.1:8080"
_SAMPLE_MODEL = "mnist_cnn"
_SAMPLE = "exporters/zoo/samples/digit-7-1.png"


@with_settings()
def up(*, settings: StackSettings) -> None:
    """Run the whole stack: Triton with every model of the repository, and the gateway.

    Compiles example models that have no version yet; Ctrl-C stops everything.

    Example: conch up --port 9000 --state-dir /var/lib/conch
    """
    from stack.first_start import export_missing

    # As an exception it also ends the export that may be running.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with state_lock(settings.state_dir):
        export_missing(settings.model_repository)
        asyncio.run(_until_signal(_run_stack(settings, console())))


@with_settings(*GatewaySettings.model_fields)
def gateway(*, settings: StackSettings) -> None:
    """Run only the gateway, in front of a Triton that runs elsewhere (CONCH_TRITON_URLS).

    Example: conch gateway --triton-urls http://triton:8000 --host 0.0.0.0
    """
    with state_lock(settings.state_dir):
        asyncio.run(_until_signal(_run_gateway(settings, console())))


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends by itself, or SIGINT, SIGTERM or SIGHUP cancels it."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # Only once: a second Ctrl-C must not cancel the clean-up and leave processes behind.
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, lambda: None)
        task.cancel()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        # Asked to stop, and everything has been stopped: a success.
        return


async def _run_stack(settings: StackSettings, screen: Console) -> None:
    from gateway.records.migrate import migrate
    from stack.first_start import demo_key
    from stack.records_errors import records_errors
    from stack.watcher import follow_repository

    triton = EmbeddedTriton(settings, _problem)
    note_triton(settings.state_dir, triton.http_url)
    parts = gateway_processes(settings, triton.http_url, _problem)
    await _require_ports(settings, parts, settings.gateway_ports | settings.triton_ports)
    with records_errors(settings):
        await migrate(settings.records_url)
    try:
        with screen.status("Triton is loading the models …"):
            # Taken before the start, so that no change after it is missed.
            known = look_at_models(settings.model_repository)
            report = await triton.start()
        for part in parts:
            await part.start()
        for model in report.broken:
            _problem(str(model))
        statuses = await asyncio.to_thread(model_statuses, triton.http_url)
        with records_errors(settings):
            shown_key = await demo_key(settings)
        await _tell_of_limits(screen, settings)
        _show(screen, settings, triton.http_url, statuses, shown_key)
        following = follow_repository(settings, triton.http_url, known, _problem)
        await _watch([triton.run(), following, *(part.run() for part in parts)])
    finally:
        await _stop(parts, triton.stop)


async def _run_gateway(settings: StackSettings, screen: Console) -> None:
    from gateway.records.migrate import migrate
    from stack.first_start import has_keys
    from stack.records_errors import records_errors

    with records_errors(settings):
        await migrate(settings.records_url)
    parts = gateway_processes(settings, settings.gateway_triton_urls, _problem)
    await _require_ports(settings, parts, settings.gateway_ports)
    try:
        for part in parts:
            await part.start()
        screen.print(_urls(settings, settings.gateway_triton_urls))
        with records_errors(settings):
            if not await has_keys(settings):
                screen.print(_keys_hint(settings), highlight=False, markup=False, soft_wrap=True)
        await _tell_of_limits(screen, settings)
        screen.print("Ready. Ctrl-C stops the gateway.")
        await _watch([part.run() for part in parts])
    finally:
        await _stop(parts, None)


async def _tell_of_limits(screen: Console, settings: StackSettings) -> None:
    note = await limits_note(settings)
    if note is not None:
        screen.print(note, highlight=False, soft_wrap=True)


async def _require_ports(
    settings: StackSettings, parts: list[GatewayProcess], ports: dict[str, int]
) -> None:
    """Addresses of this machine, no port twice, the gateway's free; Triton looks after its own."""
    for part in parts:
        await part.end_orphan()
    holders = dict.fromkeys(ports.values(), None) | {
        port: port_holder(port) for port in settings.gateway_ports.values()
    }
    hosts = {"CONCH_HOST": settings.host, "CONCH_ADMIN_HOST": settings.admin_host}
    require([check_hosts(hosts), check_ports(ports, holders)])


async def _watch(supervised: list[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in supervised:
            group.create_task(work)


async def _stop(parts: list[GatewayProcess], stop_triton: Callable[[], Any] | None) -> None:
    """The gateway first, so that the requests it still answers find a Triton."""
    try:
        await asyncio.gather(*(part.stop() for part in parts))
    finally:
        if stop_triton is not None:
            await stop_triton()


def _show(
    screen: Console,
    settings: StackSettings,
    triton_url: str,
    statuses: list[ModelStatus],
    demo_key: str | None,
) -> None:
    screen.print(_urls(settings, triton_url))
    screen.print(_loaded(statuses))
    if demo_key is not None:
        lines = [f"Demo key, shown only now: [bold]{demo_key}[/]"]
        if any(status.name == _SAMPLE_MODEL for status in statuses):
            lines.append(f"Try: {_try(settings)} --key {demo_key}")
        for line in lines:
            screen.print(line, highlight=False, soft_wrap=True)
    screen.print("Ready. Ctrl-C stops everything.")


def _try(settings: StackSettings) -> str:
    """What another terminal can be told as it stands; it does not know this one's flags."""
    command = f"conch infer {_SAMPLE_MODEL} {_SAMPLE}"
    return command if settings.url == _USUAL_URL else f"{command} --url {settings.url}"


def _keys_hint(settings: StackSettings) -> str:
    """Another terminal's flags would lead it to other records."""
    command = "conch keys create --tenant NAME"
    usual = StackSettings.model_fields["state_dir"].default
    if not settings.database_url and settings.state_dir != usual:
        command += f" --state-dir {shlex.quote(str(settings.state_dir))}"
    return f"There are no keys yet: `{command}` makes one."


def _urls(settings: StackSettings, triton_url: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in (
        ("gateway", settings.url, "what clients call"),
        ("admin", settings.admin_url, "/metrics, /docs"),
        ("Triton", triton_url, f"logs in {settings.state_dir / 'logs'}"),
    ):
        table.add_row(*map(Text, row))
    return table


def _loaded(statuses: list[ModelStatus]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("MODEL", "VERSION", "STATE", "BACKEND"):
        table.add_column(heading)
    for status in statuses:
        row = (status.name, status.version, status.state, status.backend)
        table.add_row(*map(Text, row))
    return table


def _problem(text: str) -> None:
    """One live line about something that went wrong, with its time."""
    typer.echo(f"{datetime.now():%H:%M:%S} {text}", err=True)
    sys.stderr.flush()
