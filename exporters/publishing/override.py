"""The configuration that makes a running Triton serve a version before anything on disk changes."""

import json
from pathlib import Path
from typing import Any

from exporters.errors import PublishError
from exporters.extras import extra
from exporters.publishing.placing import configs_serving
from exporters.publishing.policy import parse
from exporters.publishing.versions import model_config
from exporters.repository import config_source


def load_override(repository: Path, name: str, version: int, *, config: str) -> str:
    """JSON for Triton's load call, in place of the file `config` that the server would read."""
    source = config_source(repository, name, version)
    texts = configs_serving(source, repository / name, version)
    override = _parsed(texts.get(config) or next(iter(texts.values())), source, name)
    _point_at_own_files(override, source, repository / name)
    return _as_json(override)


def folder_override(repository: Path, name: str, *, config: str) -> str:
    """The same for what the model's folder says now.

    Triton does not read it again by itself once it was given another: it compares time stamps.
    """
    folder = repository / name
    path = folder / config if (folder / config).is_file() else model_config(folder)
    if path is None:
        raise PublishError(f"{folder} holds no config.pbtxt, so nothing says how to serve it.")
    return _as_json(_parsed(path.read_text(encoding="utf-8"), folder, name))


def _parsed(text: str, source: Path, name: str) -> Any:
    try:
        override = parse(text)
    except ValueError as error:
        problem = str(error).rstrip(".")
        raise PublishError(
            f"The configuration of '{name}' in {source} does not parse: {problem}."
        ) from error
    override.name = name
    return override


def _as_json(override: Any) -> str:
    with extra("embedded"):
        from google.protobuf import json_format

    return json.dumps(json_format.MessageToDict(override, preserving_proto_field_name=True))


def _point_at_own_files(override: Any, source: Path, model: Path) -> None:
    """The model's folder still has the labels and warm-up data of what is served."""
    for output in override.output:
        if output.label_filename and _differs(output.label_filename, source, model):
            output.label_filename = str((source / output.label_filename).relative_to(model))
    for warmup in override.model_warmup:
        for given in warmup.inputs.values():
            path = f"warmup/{given.input_data_file}"
            if given.input_data_file and _differs(path, source, model):
                # Triton looks for it in the folder warmup/ of the model.
                given.input_data_file = f"../{(source / path).relative_to(model)}"


def _differs(path: str, source: Path, model: Path) -> bool:
    own, placed = source / path, model / path
    if not own.is_file():
        return False
    return not placed.is_file() or placed.read_bytes() != own.read_bytes()
