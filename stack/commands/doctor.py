"""`conch doctor`: checks the machine and says what is missing and how to mend it."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from exporters.errors import ExportError
from exporters.publishing.staging import sweep
from stack.console import console
from stack.errors import UsageError
from stack.known_errors import explain_log
from stack.preflight import Check, check_machine
from stack.process_orphans import orphans
from stack.settings import StackSettings
from stack.settings_flags import with_settings
from stack.state import is_running


@with_settings()
def doctor(
    *,
    log: Annotated[
        Path | None,
        typer.Option("--log", help="Explain the errors in this file instead: a server's log."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    settings: StackSettings,
) -> None:
    """Check whether this machine can run the stack; exit code 1 if something is missing.

    Known errors in Triton's log are explained, cause and cure.

    Example: conch doctor --log triton.log
    """
    if log is not None:
        if not log.exists():
            raise UsageError(f"There is no log {log}.")
        _finish(_explained(log), as_json=as_json)
        return
    running = is_running(settings.state_dir)
    ports = {} if running else settings.gateway_ports | settings.triton_ports
    checks = check_machine(settings, ports, [] if running else orphans(settings.state_dir))
    checks.append(_staging(settings))
    # What went wrong in the last run need not be wrong now.
    checks += [replace(check, ok=True) for check in _explained(_last_log(settings))]
    _finish(checks, as_json=as_json)


def _finish(checks: list[Check], *, as_json: bool) -> None:
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


def _last_log(settings: StackSettings) -> Path:
    return settings.state_dir / "logs" / "triton.log"


def _explained(log: Path) -> list[Check]:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return [Check("log", True, f"{log} does not exist")]
    except OSError as error:
        raise UsageError(f"The log {log} cannot be read: {error.strerror}.") from error
    known = list(explain_log(text))
    if not known:
        return [Check("log", True, f"no known error in {log}")]
    return [
        Check("log", False, f"{error.cause} {error.cure} In {log}: {error.line}") for error in known
    ]


def _show(checks: list[Check]) -> None:
    screen = console()
    for check in checks:
        mark = ("ok  ", "green") if check.ok else ("FAIL", "red")
        # As text and not as markup: a path may hold what looks like it.
        screen.print(Text.assemble(mark, f" {check.name:16} {check.detail}"), soft_wrap=True)
        if not check.ok and check.cure:
            screen.print(Text(f"     {check.cure}", "yellow"), soft_wrap=True)
