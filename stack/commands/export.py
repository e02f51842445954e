"""`conch export`: compiles models into the repository, proven before they are published."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from exporters.candidate import Wanted
from exporters.errors import SpecError
from exporters.extras import extra
from exporters.flow import Exported, export
from exporters.repository import published_versions
from exporters.spec import ModelSpec
from exporters.targets import Target, find_target
from exporters.zoo import ZOO
from stack.commands.export_view import ShowStages, result_table
from stack.commands.serving import ChangeInterface, bring_into_service
from stack.console import console
from stack.errors import UsageError
from stack.settings import StackSettings
from stack.settings_flags import with_settings


@with_settings("model_repository", "state_dir", "triton_http_port")
def export_models(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="my_pkg.models:spec, a model.toml, or an example model. None: all examples.",
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="torchscript, aoti, onnx, tensorrt, or auto: the fastest that is proven. "
            "Empty: onnx, or the example's own.",
        ),
    ] = "",
    precision: Annotated[
        str, typer.Option(help="fp32, tf32, fp16, bf16, int8 or fp8. Empty: fp32.")
    ] = "",
    flavor: Annotated[
        str, typer.Option(help="tensorrt, or rtx: builds without a GPU, not for Triton.")
    ] = "tensorrt",
    allow_unproven: Annotated[
        bool, typer.Option("--allow-unproven", help="Publish what this machine cannot run.")
    ] = False,
    change_interface: ChangeInterface = False,
    triton_release: Annotated[
        str, typer.Option(help="Container that will serve it, like 26.09. Empty: the newest.")
    ] = "",
    missing: Annotated[
        bool, typer.Option("--missing", help="Only models that have no version yet.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take inputs and outputs as they are read, unasked.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a report with pictures to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    settings: StackSettings,
) -> None:
    """Compile models, prove that they compute the same, publish each as its next version.

    Example: conch export mnist_mlp --format auto
    """
    if html is not None and not html.absolute().parent.is_dir():
        raise UsageError(f"The report cannot be written: there is no folder {html.parent}.")
    screen = console(stderr=as_json)
    chosen = [find_target(text) for text in targets or ZOO]
    if missing:
        repository = settings.model_repository
        chosen = [t for t in chosen if not published_versions(repository, t.spec.name)]
    done = []
    for target in chosen:
        wanted = Wanted(
            format=format or target.format,
            precision=precision,
            flavor=flavor,
            allow_unproven=allow_unproven,
            change_interface=change_interface,
            triton_release=triton_release,
            source=target.source,
        )
        done.append(_export(target, wanted, settings, screen, yes=yes))
    if html is not None:
        _write_report(html, done)
    if as_json:
        typer.echo(json.dumps([_record(exported) for exported in done], indent=2))
        return
    _show(screen, done)


def _export(
    target: Target, wanted: Wanted, settings: StackSettings, screen: Console, *, yes: bool
) -> Exported:
    spec = _confirmed(target.spec, screen, yes=yes)
    show = ShowStages(screen, spec.name)
    try:
        # What a server runs is changed by the server, once it has loaded the new version.
        exported = export(
            spec, wanted, repository=settings.model_repository, serve=False, report=show
        )
    except KeyboardInterrupt:
        show.stop()
        screen.print(f"Stopped; nothing of {spec.name} was published.", markup=False)
        raise
    finally:
        show.stop()
    if exported.version:
        bring_into_service(exported, settings, screen)
    return exported


def _confirmed(spec: ModelSpec, screen: Console, *, yes: bool) -> ModelSpec:
    """What was not declared is read from the samples, and a person says whether it is right."""
    if spec.inputs and spec.outputs:
        return spec
    with extra("export"):
        from exporters.declaring.declare import complete, declaration_text
    complete_spec = complete(spec)
    screen.print(declaration_text(complete_spec), markup=False, highlight=False)
    if yes:
        return complete_spec
    if not sys.stdin.isatty():
        raise UsageError(
            f"'{spec.name}' leaves out inputs or outputs. Copy what stands above into its "
            "declaration, or take it as it is with --yes."
        )
    if not typer.confirm("Export it so?", default=True, err=True):
        raise SpecError("Nothing was exported. Declare inputs and outputs as they should be.")
    return complete_spec


def _write_report(path: Path, done: list[Exported]) -> None:
    with extra("export"):
        from exporters.report import html_report
    try:
        path.write_text(html_report([exported.manifest for exported in done]), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The report cannot be written to {path}: {error.strerror}.") from error


def _record(exported: Exported) -> dict[str, object]:
    manifest = exported.manifest
    return {
        "model": exported.name,
        "version": exported.version or None,
        "format": manifest.format,
        "precision": manifest.precision,
        "path": str(exported.path) if exported.path else None,
        "max_abs_error": manifest.worst_error,
        "latency_us": manifest.latency_us,
        "unproven": manifest.unproven,
        "tried": [row.model_dump() for row in manifest.tried],
        "seconds": round(sum(manifest.stage_seconds.values()), 1),
    }


def _show(screen: Console, done: list[Exported]) -> None:
    if not done:
        screen.print("Nothing is missing.")
        return
    screen.print(result_table([exported.manifest for exported in done]))
    last = done[-1]
    if last.version:
        screen.print(f"Next: conch versions {last.name}", highlight=False, markup=False)
    else:
        screen.print(
            f"{last.name} was built and not published: {last.manifest.unproven} "
            "--allow-unproven publishes it all the same.",
            highlight=False,
            markup=False,
        )
