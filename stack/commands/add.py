"""`conch add`: publishes a finished file, or completes a folder that was copied in by hand."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exporters.declaring.tensor_text import parse_axis, parse_range, parse_tensor
from exporters.extras import extra
from exporters.flow import Exported
from exporters.manifest import TensorRecord
from stack.commands.export_view import ShowStages, result_table
from stack.commands.serving import ChangeInterface, bring_into_service
from stack.console import console
from stack.errors import UsageError
from stack.settings import StackSettings
from stack.settings_flags import with_settings

if TYPE_CHECKING:
    from exporters.add import Told


@with_settings("model_repository", "state_dir", "triton_http_port")
def add(
    *,
    file: Annotated[
        Path | None, typer.Argument(help="model.onnx, a TorchScript .pt, or a .pt2.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name that clients call the model by.")] = "",
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="What the file does not say: 'x:float32[3,length=1..512]'."),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--output", help="The same for an output, which is else seen by running it."),
    ] = None,
    max_batch_size: Annotated[
        int | None, typer.Option("--max-batch-size", help="Largest batch; 0: no batching.", min=0)
    ] = None,
    axes: Annotated[
        list[str] | None, typer.Option("--axis", help="Bounds of a length: length=1..512.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--labels", help="output=FILE: what each value stands for, one a line."),
    ] = None,
    samples: Annotated[
        Path | None, typer.Option("--samples", help="Real inputs to try it on: samples.npz.")
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="Without samples: values of an input, ids=0..30521."),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="What an exported program is compiled to; else onnx.")
    ] = "",
    change_interface: ChangeInterface = False,
    complete: Annotated[
        str,
        typer.Option(
            "--complete",
            help="A folder copied into the repository: write the config.pbtxt that it lacks.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    settings: StackSettings,
) -> None:
    """Publish a finished file: ONNX, TorchScript, AOTInductor package or exported program.

    Names, dtypes and changing dimensions are read from the file; what it does not say is asked
    for by name. It is tried out at several batches and lengths before it is published.

    Example: conch add iris.onnx --name iris --max-batch-size 64
    """
    with extra("export"):
        from exporters.add import Told
        from exporters.artefacts.resolve import Answers

    told = Told(
        answers=Answers(
            inputs={tensor.name: tensor for tensor in map(parse_tensor, inputs or ())},
            outputs={tensor.name: tensor for tensor in map(parse_tensor, outputs or ())},
            axes={axis.name: axis for axis in map(parse_axis, axes or ())},
            max_batch_size=max_batch_size,
        ),
        labels=_labels(labels or ()),
        samples=samples,
        ranges={key: (low, high) for key, low, high in map(parse_range, ranges or ())},
        command=f"conch {shlex.join(sys.argv[1:])}",
    )
    screen = console(stderr=as_json)
    show = ShowStages(screen, complete or name)
    try:
        exported = _add(
            file,
            name,
            complete,
            told,
            format,
            settings,
            show,
            change_interface=change_interface,
        )
    finally:
        show.stop()
    if not complete:
        bring_into_service(exported, settings, screen)
    if as_json:
        typer.echo(json.dumps(_record(exported), indent=2))
        return
    screen.print(result_table([exported.manifest]))
    for line in _lines(exported):
        screen.print(line, highlight=False, markup=False)


def _add(
    file: Path | None,
    name: str,
    complete: str,
    told: "Told",
    format: str,
    settings: StackSettings,
    show: ShowStages,
    *,
    change_interface: bool,
) -> Exported:
    with extra("export"):
        from exporters.add import add as add_file
        from exporters.complete_folder import complete_folder

    repository = settings.model_repository
    if complete:
        if file or name or format:
            raise UsageError(
                "--complete names a folder of the repository, and takes no FILE, --name or "
                "--format: the folder has them."
            )
        return complete_folder(complete, told, repository=repository, report=show)
    if file is None:
        raise UsageError("Name the file and the model: conch add model.onnx --name my_model")
    if not name:
        raise UsageError(f"Give the model a name: conch add {file} --name {file.stem}")
    return add_file(
        file,
        name,
        told,
        repository=repository,
        format=format,
        change_interface=change_interface,
        serve=False,
        report=show,
    )


def _labels(given: Sequence[str]) -> dict[str, Path]:
    labels = {}
    for text in given:
        output, equals, path = text.partition("=")
        if not (output and equals and path):
            raise UsageError(f"--labels is '{text}'; write the output and the file: y=labels.txt.")
        labels[output] = Path(path)
    return labels


def _record(exported: Exported) -> dict[str, object]:
    manifest = exported.manifest
    return {
        "model": exported.name,
        "version": exported.version,
        "format": manifest.format,
        "path": str(exported.path),
        "inputs": [tensor.model_dump() for tensor in manifest.inputs],
        "outputs": [tensor.model_dump() for tensor in manifest.outputs],
        "max_batch_size": manifest.max_batch_size,
        "latency_us": manifest.latency_us,
        "notes": manifest.notes,
    }


def _lines(exported: Exported) -> list[str]:
    manifest = exported.manifest
    batch = manifest.max_batch_size
    return [
        *(f"in   {_tensor(tensor)}" for tensor in manifest.inputs),
        *(f"out  {_tensor(tensor)}" for tensor in manifest.outputs),
        f"Batches up to {batch}" if batch else "No batches: each request runs by itself",
        *manifest.notes,
        f"Next: conch versions {exported.name}",
    ]


def _tensor(tensor: TensorRecord) -> str:
    return f"{tensor.name}:{tensor.dtype}{list(tensor.shape)}"
