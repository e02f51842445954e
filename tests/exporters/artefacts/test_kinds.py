import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from exporters.artefacts import Kind, kind_of
from exporters.errors import SpecError
from tests.exporters.artefacts.files import IRIS, Scaled, exported_program, torchscript


def test_the_two_kinds_of_pt2_are_told_apart_by_their_content(tmp_path: Path) -> None:
    package = tmp_path / "package.pt2"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("any/data/aotinductor/model/x.wrapper.so", b"")
    assert kind_of(package) is Kind.AOTI
    assert kind_of(exported_program(tmp_path / "program.pt2")) is Kind.EXPORTED_PROGRAM


def test_torchscript_is_known_whatever_its_name(tmp_path: Path) -> None:
    assert kind_of(torchscript(tmp_path / "weights.bin")) is Kind.TORCHSCRIPT


def test_onnx_is_taken_by_its_name() -> None:
    assert kind_of(IRIS) is Kind.ONNX


def weights(path: Path) -> None:
    torch.save(Scaled().state_dict(), path)


def whole(path: Path) -> None:
    torch.save(Scaled(), path)


def safetensors(path: Path) -> None:
    save_file(Scaled().state_dict(), path)


def old_weights(path: Path) -> None:
    torch.save(Scaled().state_dict(), path, _use_new_zipfile_serialization=False)


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))


def ultralytics(path: Path) -> None:
    header = b'{"description": "Ultralytics YOLO"}'
    path.write_bytes(len(header).to_bytes(4, "little") + header + b"ftrt" + bytes(100))


def engine(path: Path) -> None:
    path.write_bytes(b"ftrt" + bytes(100))


def hdf5(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))


def keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"")


def tflite(path: Path) -> None:
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(50))


def arrays(path: Path) -> None:
    np.savez(path, x=np.ones(3))


def folder(path: Path) -> None:
    path.mkdir()


def saved_model(path: Path) -> None:
    path.mkdir()
    (path / "saved_model.pb").touch()


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("w.pt", weights, "holds weights or a pickled module.*model.toml"),
        ("m.pt", whole, "holds weights or a pickled module.*model.toml"),
        ("o.pt", old_weights, "is a pickle, which can run any code"),
        ("w.safetensors", safetensors, "holds weights only.*model.toml"),
        ("m.pkl", pickled, "is a pickle.*skl2onnx"),
        ("e.plan", engine, "is a TensorRT engine, which runs only"),
        ("e.engine", ultralytics, "behind a header of Ultralytics"),
        ("m.h5", hdf5, "is an HDF5 file.*tf2onnx"),
        ("m.keras", keras, "is a Keras archive.*format='onnx'"),
        ("m.tflite", tflite, "TensorFlow Lite.*--tflite"),
        ("s.npz", arrays, "holds arrays, not a model"),
        ("d", folder, "is a folder. Name the model's file"),
        ("s", saved_model, "SavedModel.*--saved-model"),
        ("r.txt", lambda path: path.write_text("words"), "none of the files that can be served"),
        ("absent.onnx", lambda path: None, "There is no file"),
    ],
)
def test_what_is_not_served_is_refused_with_what_to_do(
    tmp_path: Path, name: str, write: object, message: str
) -> None:
    path = tmp_path / name
    assert callable(write)
    write(path)
    with pytest.raises(SpecError, match=message):
        kind_of(path)
