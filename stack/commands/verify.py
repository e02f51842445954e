"""`conch verify`: whether a published version still is what was published."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from exporters.proving.verify_proof import verify_proof
from exporters.publishing.verify import Finding, verify_files
from exporters.publishing.versions import served_versions
from stack.commands.versions import ModelName, require_model
from stack.console import console
from stack.settings import StackSettings
from stack.settings_flags import with_settings


@with_settings("model_repository")
def verify(
    *,
    name: ModelName,
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, help="Version to check. None: those that are served."),
    ] = None,
    proof: Annotated[
        bool, typer.Option(help="Also run the artefact against the model it was made from.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    settings: StackSettings,
) -> None:
    """Compare a model with its manifest, hashes and proof; exit code 1 if it is not the same.

    Example: conch verify mnist_mlp --version 2
    """
    repository = settings.model_repository
    require_model(repository, name)
    wanted = [version] if version else served_versions(repository, name)
    findings = {number: verify_files(repository, name, number) for number in wanted}
    if proof:
        for number, found in findings.items():
            # What has changed is not run.
            if all(finding.ok for finding in found):
                found.append(verify_proof(repository, name, number))
    if as_json:
        typer.echo(json.dumps([_record(*item) for item in findings.items()], indent=2))
    else:
        _show(name, findings)
    if not all(finding.ok for found in findings.values() for finding in found):
        raise typer.Exit(1)


def _record(version: int, findings: list[Finding]) -> dict[str, object]:
    return {"version": version, "findings": [asdict(finding) for finding in findings]}


def _show(name: str, findings: dict[int, list[Finding]]) -> None:
    screen = console()
    for version, found in findings.items():
        for finding in found:
            mark = ("ok  ", "green") if finding.ok else ("FAIL", "red")
            text = f" {name} {version}  {finding.what}  {finding.detail}"
            screen.print(Text.assemble(mark, text), soft_wrap=True)
