"""Builds the trained module that a spec names."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from exporters.declaring.import_path import load_object, raised
from exporters.errors import ExportError, SpecError
from exporters.spec import Checkpoint, ModelSpec

_SHOWN_KEYS = 3
_SAVE = "torch.save(model.state_dict(), 'weights.pt')"

State = Mapping[str, Tensor]


def build_module(spec: ModelSpec) -> nn.Module:
    """The trained module; raises a `SpecError` for what the declaration cannot build."""
    checkpoint = spec.build
    if not isinstance(checkpoint, Checkpoint):
        return _module(spec.name, _build(f"`build` of '{spec.name}'", checkpoint, {}))
    if not checkpoint.weights.is_file():
        raise SpecError(
            f"'{spec.name}' reads its weights from {checkpoint.weights.absolute()}, which is "
            "not a file. A relative path starts at the folder of model.toml, or in Python at the "
            "working directory."
        )
    built = _build(checkpoint.module, load_object(checkpoint.module), checkpoint.arguments)
    module = _module(spec.name, built)
    _fill(module, _read(checkpoint.weights), checkpoint)
    # It was built here, so that it stands in training mode is nobody's oversight.
    return module.eval()


def _build(name: str, function: object, arguments: Mapping[str, Any]) -> object:
    if isinstance(function, nn.Module):
        raise SpecError(
            f"{name} is a module, a {type(function).__name__}, where a function that returns one "
            "is wanted: build=lambda: model."
        )
    if not callable(function):
        raise SpecError(
            f"{name} is {type(function).__name__}; name a class or a function that returns the "
            "torch.nn.Module."
        )
    try:
        return function(**arguments)
    except ExportError:
        raise
    except Exception as error:  # whatever the author's code raises
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        raise SpecError(
            f"{name} fails when it is called with ({given}): {raised(error)}"
        ) from error


def _module(name: str, built: object) -> nn.Module:
    if not isinstance(built, nn.Module):
        raise SpecError(
            f"'{name}' is built as {type(built).__name__}; `build` must return a torch.nn.Module."
        )
    return built


def _read(path: Path) -> State:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise SpecError(
                f"{path} is not a safetensors file: {error}. Name the file that "
                "safetensors.torch.save_file wrote."
            ) from error
    return _state_dict(path, _unpickled(path))


def _unpickled(path: Path) -> object:
    if _is_torchscript(path):
        raise SpecError(
            f"{path} is a TorchScript program, not weights. Publish it as it is with `conch add "
            f"{path} --name NAME`, or save the weights alone: {_SAVE}."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error) and "Unsupported" not in str(error):
            raise _unreadable(path, error) from error
        raise SpecError(
            f"{path} holds Python objects whose loading can run any code, so it is not loaded. "
            f"Where the model was trained, save the weights alone: {_SAVE}, and name that file."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _unreadable(path: Path, error: Exception) -> SpecError:
    return SpecError(
        f"{path} cannot be read as weights: {raised(error)} Name a .safetensors file, or a "
        f"state_dict: {_SAVE}."
    )


def _state_dict(path: Path, read: object) -> State:
    if isinstance(read, Mapping) and all(isinstance(value, Tensor) for value in read.values()):
        return read
    if not isinstance(read, Mapping):
        raise SpecError(
            f"{path} holds a {type(read).__name__}, not a state_dict. Save one: {_SAVE}."
        )
    inside = [key for key, value in read.items() if isinstance(value, Mapping)]
    hint = f" If the weights are in '{inside[0]}', save that part alone." if inside else ""
    raise SpecError(
        f"{path} holds {', '.join(map(str, list(read)[:8]))}, not one tensor for each parameter."
        f"{hint} Save a state_dict: {_SAVE}."
    )


def _fill(module: nn.Module, state: State, checkpoint: Checkpoint) -> None:
    own = module.state_dict()
    problems = _differences(own, state)
    if not problems:
        module.load_state_dict(dict(state))
        return
    raise SpecError(
        f"{checkpoint.weights} does not fit {checkpoint.module}: {'; '.join(problems)}. "
        f"{_hint(own, state)}"
    )


def _differences(own: State, state: State) -> list[str]:
    shared = [key for key in own if key in state]
    shapes = [
        f"{key} ({list(state[key].shape)} in the file, {list(own[key].shape)} in the module)"
        for key in shared
        if not is_lazy(own[key]) and own[key].shape != state[key].shape
    ]
    # Copying floats into whole numbers would cut them off without a word.
    kinds = [
        f"{key} ({state[key].dtype} in the file, {own[key].dtype} in the module)"
        for key in shared
        if state[key].is_floating_point() != own[key].is_floating_point()
    ]
    found = {
        "missing in the file": [key for key in own if key not in state],
        "unknown to the module": [key for key in state if key not in own],
        "of another shape": shapes,
        "of another kind of number": kinds,
    }
    return [
        f"{len(keys)} {_plural(keys)} {what}: {_first(keys)}"
        for what, keys in found.items()
        if keys
    ]


def _hint(own: State, state: State) -> str:
    for prefix in sorted({key[: key.index(".") + 1] for key in state if "." in key}):
        stripped = {key.removeprefix(prefix) for key in state if key.startswith(prefix)}
        if own.keys() <= stripped:
            return (
                f"It would fit without the prefix '{prefix}': save it as {{key.removeprefix("
                f"'{prefix}'): value for key, value in state.items() if key.startswith("
                f"'{prefix}')}}."
            )
    for prefix in sorted({key[: key.index(".") + 1] for key in own if "." in key}):
        if own.keys() == {prefix + key for key in state}:
            return (
                f"It would fit with the prefix '{prefix}': the weights are those of the module's "
                f"part '{prefix[:-1]}', so name its class, or load them in a function that returns "
                "the whole."
            )
    return "Name the class and the arguments that the weights were trained with."


def _plural(keys: list[str]) -> str:
    return "key is" if len(keys) == 1 else "keys are"


def _first(keys: list[str]) -> str:
    shown = ", ".join(keys[:_SHOWN_KEYS])
    return shown if len(keys) <= _SHOWN_KEYS else f"{shown}, …"
