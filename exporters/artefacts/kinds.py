"""Tells kinds of files apart by their content, and says what to do with those not served."""

from __future__ import annotations

import zipfile
from enum import StrEnum
from pathlib import Path

from exporters.errors import SpecError

_HEAD_BYTES = 64


class Kind(StrEnum):
    """Files that can be served."""

    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"
    AOTI = "aoti"
    EXPORTED_PROGRAM = "exported_program"


_SAVE_ONNX = "tf2onnx, or keras' model.export('model.onnx', format='onnx')"
_REFUSED = {
    "weights": (
        "holds weights or a pickled module without its code, so it cannot run by itself. Save its "
        "state_dict, write a model.toml beside it that names the class, and run `conch export "
        "model.toml` (docs/models.md)"
    ),
    "safetensors": (
        "holds weights only. Write a model.toml beside it that names the class, and run `conch "
        "export model.toml` (docs/models.md)"
    ),
    "engine": (
        "is a TensorRT engine, which runs only with the TensorRT version and the kind of GPU that "
        "built it, and says neither. Add the ONNX file that it was built from, or export the model "
        "with `conch export … --format tensorrt` where it is to run"
    ),
    "ultralytics engine": (
        "is a TensorRT engine behind a header of Ultralytics' own, which Triton cannot load. "
        "Export the model as ONNX there (format='onnx', dynamic=True) and add that file"
    ),
    "hdf5": f"is an HDF5 file, as old Keras models are. Convert it with {_SAVE_ONNX}",
    "keras": f"is a Keras archive. Convert it with {_SAVE_ONNX}",
    "savedmodel": "is a TensorFlow SavedModel. Convert it: python -m tf2onnx.convert --saved-model",
    "tflite": "is a TensorFlow Lite model. Convert it: python -m tf2onnx.convert --tflite",
    "pickle": (
        "is a pickle, which can run any code when it is read. Convert a scikit-learn model with "
        "skl2onnx.to_onnx(model, X[:1], options={'zipmap': False}); for PyTorch write a model.toml "
        "beside a state_dict (docs/models.md)"
    ),
    "arrays": "holds arrays, not a model. Give samples with --samples",
}


def kind_of(path: Path) -> Kind:
    """Raises a `SpecError` with what to do for a file that cannot be served."""
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            raise _refused(path, "savedmodel")
        raise SpecError(f"{path} is a folder. Name the model's file in it.")
    if not path.is_file():
        raise SpecError(f"There is no file {path}.")
    kind = _in_archive(path) if zipfile.is_zipfile(path) else _by_first_bytes(path)
    if isinstance(kind, Kind):
        return kind
    raise _refused(path, kind)


def _in_archive(path: Path) -> Kind | str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise SpecError(f"{path} is damaged: {error}. Copy it again.") from error
    # The folder that everything in an archive of torch stands in has any name.
    inner = {name.partition("/")[2] for name in names}
    if any(name.startswith("data/aotinductor/") for name in inner):
        return Kind.AOTI
    if any(name.startswith("models/") for name in inner):
        return Kind.EXPORTED_PROGRAM
    if "constants.pkl" in inner:
        return Kind.TORCHSCRIPT
    if "data.pkl" in inner:
        return "weights"
    if "model.weights.h5" in names:
        return "keras"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays"
    if "serialized_exported_program.json" in names:
        raise SpecError(
            f"{path} was saved by torch.export.save of an older PyTorch, in a form that only that "
            "one reads well. Load it there and save it with PyTorch 2.9 or newer."
        )
    return "unknown"


def _by_first_bytes(path: Path) -> Kind | str:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    length = int.from_bytes(head[:4], "little")
    if head.startswith(b"ftrt") or (path.suffix in (".plan", ".engine") and head[4:5] != b"{"):
        return "engine"
    if head[4:5] == b"{" and length < path.stat().st_size and path.suffix != ".onnx":
        return "ultralytics engine"
    if head[8:9] == b"{":
        return "safetensors"
    if head.startswith(b"\x89HDF"):
        return "hdf5"
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(b"\x80") and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    if head.startswith(b"\x93NUMPY"):
        return "arrays"
    # ONNX is a protobuf, which has no mark of its own; reading it says whether it is one.
    return Kind.ONNX if path.suffix == ".onnx" else "unknown"


def _refused(path: Path, kind: str) -> SpecError:
    if kind == "unknown":
        return SpecError(
            f"{path} is none of the files that can be served: ONNX (.onnx), TorchScript (.pt), an "
            "AOTInductor package (.pt2) or an exported program (.pt2). Convert the model to one of "
            "these."
        )
    return SpecError(f"{path} {_REFUSED[kind]}.")
