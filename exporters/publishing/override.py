"""The configuration that makes a running Triton serve a version before anything on disk changes."""

import json
from pathlib import Path
from typing import Any

from exporters.errors import PublishError
from exporters.extras import extra
from exporters.publishing.placing import configs_serving
from exporters.publishing.policy import parse
from exporters.repository import config_source


def load_override(repository: Path, name: str, version: int, *, config: str) -> str:
    """JSON for Triton's load call, in place of the file `config` that the server would read."""
    with extra("embedded"):
        from google.protobuf import json_format

    source = config_source(repository, name, version)
    texts = configs_serving(source, repository / name, version)
    try:
        override = parse(texts.get(config) or next(iter(texts.values())))
    except ValueError as error:
        raise PublishError(
            f"The configuration of version {version} of '{name}' in {source} does not parse: "
            f"{error}."
        ) from error
    override.name = name
    _point_at_own_files(override, source, repository / name)
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
