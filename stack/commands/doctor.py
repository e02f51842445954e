"""`conch doctor`: checks the machine and says what is missing and how to mend it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from exporters.errors import ExportError
from exporters.staging import sweep
from stack.console import console
from stack.preflight import Check, check_machine
from stack.process_orphans import orphans
from stack.settings import StackSettings
from stack.settings_flags import with_settings
from stack.state import is_running


@with_settings()
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    settings: StackSettings,
) -> None:
    """Check whether this machine can run the stack; exit code 1 if something is missing."""
    running = is_running(settings.state_dir)
    ports = {} if running else settings.gateway_ports | settings.triton_ports
    checks = check_machine(settings, ports, [] if running else orphans(settings.state_dir))
    checks.append(_staging(settings))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _show(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _staging(settings: StackSettings) -> Check:
    """Sweeps on the way: what a killed export left is of no use to anybody."""
    try:
        swept = sweep(settings.model_repository)
    except ExportError as error:
        return Check("staging", False, str(error))
    detail = f"removed what killed exports left: {', '.join(swept)}" if swept else "clean"
    return Check("staging", True, detail)


def _show(checks: list[Check]) -> None:
    screen = console()
    for check in checks:
        mark = ("ok  ", "green") if check.ok else ("FAIL", "red")
        # As text and not as markup: a path may hold what looks like it.
        screen.print(Text.assemble(mark, f" {check.name:16} {check.detail}"), soft_wrap=True)
        if not check.ok and check.cure:
            screen.print(Text(f"     {check.cure}", "yellow"), soft_wrap=True)
