"""Writes the settings table and the command reference from the code: `make docs`.

The generated parts stand between `<!-- NAME -->` and `<!-- /NAME -->` in the files named here;
`tests/test_docs.py` fails when they differ from what the code says.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from gateway.settings import GatewaySettings, environment_name
from stack.cli import app
from stack.gateway_reference import admin_errors_table, errors_table, limits_table, paths_table
from stack.settings import StackSettings

ROOT = Path(__file__).parent.parent


def settings_table() -> str:
    """Every setting with its environment name, default and sentence, as Markdown."""
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in StackSettings.model_fields.items():
        default = f"`{field.default}`" if field.default not in ("", None) else ""
        mark = "" if name in GatewaySettings.model_fields else " (`conch up` only)"
        rows.append(f"| `{environment_name(name)}` | {default} | {field.description}{mark} |")
    return "\n".join(rows)


def command_reference() -> str:
    """The `--help` text of `conch` and of each command, at a fixed width."""
    command = typer.main.get_command(app)
    return "\n".join(f"```text\n{_help(path)}\n```\n" for path in _command_paths(command, []))


def _command_paths(command: Any, path: list[str]) -> Iterator[list[str]]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from _command_paths(inner, [*path, name])


def _help(path: list[str]) -> str:
    runner = CliRunner()
    result = runner.invoke(
        app, [*path, "--help"], prog_name="conch", env={"COLUMNS": "100", "NO_COLOR": "1"}
    )
    return "\n".join(line.rstrip() for line in result.output.strip().splitlines())


PARTS = {
    ("README.md", "settings"): settings_table,
    ("docs/commands.md", "help"): command_reference,
    ("docs/gateway.md", "paths"): paths_table,
    ("docs/gateway.md", "limits"): limits_table,
    ("docs/gateway.md", "errors"): errors_table,
    ("docs/admin_api.md", "errors"): admin_errors_table,
}


def with_part(text: str, name: str, content: str) -> str:
    """`text` with the part called `name` replaced by `content`. ValueError if it has no such part.

    >>> with_part("<!-- a -->\\nold\\n<!-- /a -->", "a", "new")
    '<!-- a -->\\nnew\\n<!-- /a -->'
    """
    before, opening, rest = text.partition(f"<!-- {name} -->\n")
    _, closing, after = rest.partition(f"<!-- /{name} -->")
    if not closing:
        raise ValueError(f"the marks of the part {name!r} are missing")
    return f"{before}{opening}{content.rstrip()}\n{closing}{after}"


def main() -> int:
    """Write the parts with `--write`, else exit 1 and name the files that are out of date."""
    stale = []
    for (file, name), generate in PARTS.items():
        path = ROOT / file
        text = path.read_text()
        fresh = with_part(text, name, generate())
        if fresh == text:
            continue
        stale.append(file)
        if "--write" in sys.argv:
            path.write_text(fresh)
    for file in stale:
        print(f"{file} {'written' if '--write' in sys.argv else 'is out of date: run `make docs`'}")
    return 1 if stale and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
