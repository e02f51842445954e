"""The `conch` command: its verbs, and how an error reaches a person."""

import os
import sys

try:
    import importlib.metadata
    from io import TextIOWrapper
    from typing import Annotated

    import typer

    from exporters.errors import ExportError
    from gateway.errors import GatewayError, InvalidInput, RecordConflict, UnknownRecord
    from loadtest.errors import LoadTestError, OptionError
    from stack.command_group import CommandGroup
    from stack.commands import admins, keys, limits, loadtest, tenants
    from stack.commands.add import add
    from stack.commands.audit import audit
    from stack.commands.doctor import doctor
    from stack.commands.export import export_models
    from stack.commands.infer import infer
    from stack.commands.migrate import migrate
    from stack.commands.models import models
    from stack.commands.prune import prune
    from stack.commands.remove import remove
    from stack.commands.rollback import rollback
    from stack.commands.tune import tune
    from stack.commands.up import gateway, up
    from stack.commands.usage import usage
    from stack.commands.verify import verify
    from stack.commands.versions import versions
    from stack.errors import StackError, UsageError
except KeyboardInterrupt:
    # Half a second goes by here: Ctrl-C ends the command as it does later, without a traceback.
    sys.exit(130)

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Trained PyTorch models into NVIDIA Triton, behind a thin gateway with keys and limits.",
    epilog="First time: `conch up`, then `conch infer mnist_cnn FILE.png --key …`.",
)
app.command()(up)
app.command()(gateway)
app.command("export")(export_models)
app.command()(add)
app.command()(infer)
app.command()(models)
app.command()(versions)
app.command()(rollback)
app.command()(tune)
app.command()(prune)
app.command()(remove)
app.command()(verify)
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
app.add_typer(limits.app, name="limits")
app.add_typer(admins.app, name="admins")
app.command()(audit)
app.command()(migrate)
app.command()(usage)
app.add_typer(loadtest.app, name="loadtest")
app.command()(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"conch {importlib.metadata.version('conch')}")
        raise typer.Exit


@app.callback()
def conch(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Flags that every command has."""


def main() -> None:
    """Run the command; an expected error is a paragraph on stderr, exit code 1 or, for usage, 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a bar shows a question mark.
            stream.reconfigure(errors="replace")
    try:
        _check_encoding(sys.argv[1:])
        app()
    except (StackError, GatewayError, ExportError, LoadTestError) as error:
        typer.echo(f"conch: {error}", err=True)
        sys.exit(exit_code(error))


def exit_code(error: Exception) -> int:
    """2 for a value that can never be, 1 for what only the records, or this machine, refuse."""
    if isinstance(error, (UnknownRecord, RecordConflict)):
        return 1
    return 2 if isinstance(error, (UsageError, OptionError, InvalidInput)) else 1


def _check_encoding(arguments: list[str]) -> None:
    """What is not UTF-8 comes as halves of characters, which no file and no database takes."""
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise UsageError(f"argument {os.fsencode(argument)!r} is not UTF-8; write it in UTF-8")
