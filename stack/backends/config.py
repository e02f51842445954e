"""The part of a Triton model configuration that a backend needs, as plain values."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BackendError(Exception):
    """A model that cannot be served as configured, or a run that broke its configuration."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output as configured; `dims` leave the batch out, -1 is a dynamic axis."""

    name: str
    dtype: str
    dims: tuple[int, ...]


@dataclass(frozen=True)
class ServedModel:
    """One instance of a model: its file, its tensors, how it may be run."""

    name: str
    path: Path
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int
    parameters: Mapping[str, str]
    instance_count: int
    instance_kind: str
    device_id: int

    @property
    def on_gpu(self) -> bool:
        """True for an instance that the configuration places on a GPU."""
        return self.instance_kind == "GPU"


def read_model(args: Mapping[str, str], *, default_filenames: tuple[str, ...]) -> ServedModel:
    """What Triton hands to `initialize`, checked: the file exists and every feature is known."""
    config = json.loads(args["model_config"])
    _refuse_unsupported(config)
    folder = Path(args["model_repository"]) / args["model_version"]
    return ServedModel(
        name=args["model_name"],
        path=_artefact(folder, config.get("default_model_filename", ""), default_filenames),
        inputs=tuple(_tensor(entry) for entry in config["input"]),
        outputs=tuple(_tensor(entry) for entry in config["output"]),
        max_batch_size=config["max_batch_size"],
        parameters={
            key: value["string_value"] for key, value in config.get("parameters", {}).items()
        },
        instance_count=sum(group["count"] for group in config["instance_group"]),
        instance_kind=args["model_instance_kind"],
        device_id=int(args["model_instance_device_id"]),
    )


def _artefact(folder: Path, configured: str, default_filenames: tuple[str, ...]) -> Path:
    # Triton itself fills in the first default name, so a configured default is no explicit choice.
    explicit = configured and configured not in default_filenames
    names = (configured,) if explicit else default_filenames
    for name in names:
        if os.path.exists(folder / name):
            return folder / name
    raise BackendError(
        f"version {folder.name} holds no {' or '.join(names)}; copy the model file into "
        f"{folder}, or name it in default_model_filename."
    )


def _tensor(entry: Mapping[str, Any]) -> TensorSpec:
    # Where `reshape` is set, Triton converts on its side; a backend sees the reshaped dims only.
    dims = entry["reshape"]["shape"] if "reshape" in entry else entry["dims"]
    return TensorSpec(
        name=entry["name"],
        dtype=entry["data_type"].removeprefix("TYPE_"),
        dims=tuple(int(dim) for dim in dims),
    )


def _refuse_unsupported(config: Mapping[str, Any]) -> None:
    asked = [key for key in ("batch_input", "batch_output") if config.get(key)]
    if any(entry.get("allow_ragged_batch") for entry in config["input"]):
        asked.append("allow_ragged_batch")
    if config.get("sequence_batching", {}).get("state"):
        asked.append("sequence_batching.state")
    if asked:
        raise BackendError(
            f"the embedded backends do not implement {', '.join(asked)}; remove it from "
            "configs/embedded.pbtxt, or serve this model with NVIDIA's container."
        )
