from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from exporters.artefacts import Draft, read_artefact
from exporters.artefacts.found import unnamed
from exporters.errors import SpecError
from tests.exporters.artefacts.files import FILES, FLOAT, INT64, IRIS, doubler, write_onnx


def test_what_scikit_learn_wrote_is_read() -> None:
    found = read_artefact(IRIS)
    assert found.inputs == (Draft("X", "float32", (unnamed("X", 0), 4)),)
    assert [(draft.name, draft.dtype) for draft in found.outputs] == [
        ("label", "int64"),
        ("probabilities", "float32"),
    ]
    assert found.batch == unnamed("X", 0)
    assert "skl2onnx 1.20.0, IR version 10" in found.said


def test_names_of_dimensions_are_read(tmp_path: Path) -> None:
    found = read_artefact(doubler(tmp_path / "m.onnx", ["N", "length", 4]))
    assert found.inputs[0].dims == ("N", "length", 4)
    assert found.batch == "N"


def test_marks_that_are_no_names_do_not_join_dimensions(tmp_path: Path) -> None:
    found = read_artefact(doubler(tmp_path / "m.onnx", ["-1", 3, "?", "?"]))
    assert found.inputs[0].dims == (unnamed("x", 0), 3, unnamed("x", 2), unnamed("x", 3))


def test_a_fixed_first_dimension_is_no_batch(tmp_path: Path) -> None:
    found = read_artefact(doubler(tmp_path / "m.onnx", [1, 4]))
    assert found.batch is None
    assert found.fixed == Draft("x", "float32", (1, 4))


def test_inputs_that_begin_with_different_dimensions_share_no_batch(tmp_path: Path) -> None:
    path = write_onnx(
        tmp_path / "m.onnx",
        helper.make_node("MatMul", ["a", "b"], ["y"]),
        inputs={"a": (FLOAT, ["n", "k"]), "b": (FLOAT, ["k", "m"])},
        outputs={"y": (FLOAT, ["n", "m"])},
    )
    assert read_artefact(path).batch is None


def test_weights_among_the_inputs_are_none(tmp_path: Path) -> None:
    path = write_onnx(
        tmp_path / "m.onnx",
        helper.make_node("Mul", ["x", "w"], ["y"]),
        inputs={"x": (FLOAT, ["n", 4]), "w": (FLOAT, [4])},
        outputs={"y": (FLOAT, ["n", 4])},
        weights={"w": np.ones(4, "float32")},
    )
    assert [draft.name for draft in read_artefact(path).inputs] == ["x"]


def test_a_shape_that_is_not_written_is_unknown(tmp_path: Path) -> None:
    assert read_artefact(doubler(tmp_path / "m.onnx", None)).inputs[0].dims is None


def test_weights_in_a_file_beside_it_are_taken_along(tmp_path: Path) -> None:
    path = doubler(tmp_path / "m.onnx", external=True)
    assert read_artefact(path).files == (tmp_path / "model.data",)
    (tmp_path / "model.data").unlink()
    with pytest.raises(SpecError, match=r"weights in the file model\.data, which is not beside it"):
        read_artefact(path)


def test_weights_outside_of_its_folder_are_refused(tmp_path: Path) -> None:
    path = doubler(tmp_path / "m.onnx", external=True)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../model.data"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(SpecError, match="outside of its own folder"):
        read_artefact(path)


def test_classes_in_a_map_are_refused_with_how_to_write_them() -> None:
    with pytest.raises(SpecError, match=r"'output_probability' as sequence.*'zipmap': False"):
        read_artefact(FILES / "zipmap.onnx")


def test_text_is_refused() -> None:
    with pytest.raises(SpecError, match="'label' as text; only numbers are served"):
        read_artefact(FILES / "strings.onnx")


def test_a_type_that_is_not_served_is_named(tmp_path: Path) -> None:
    path = write_onnx(
        tmp_path / "m.onnx",
        helper.make_node("Identity", ["x"], ["y"]),
        inputs={"x": (TensorProto.BFLOAT16, ["n"])},
        outputs={"y": (TensorProto.BFLOAT16, ["n"])},
    )
    with pytest.raises(SpecError, match="'x' as BFLOAT16, which is not served"):
        read_artefact(path)


def test_an_opset_that_the_runtime_does_not_know_is_named(tmp_path: Path) -> None:
    path = doubler(tmp_path / "m.onnx", opset=999)
    with pytest.raises(SpecError, match=r"ONNX Runtime .* cannot load .*opsets ai\.onnx 999"):
        read_artefact(path)


def test_an_operator_that_the_runtime_does_not_know_is_named(tmp_path: Path) -> None:
    path = write_onnx(
        tmp_path / "m.onnx",
        helper.make_node("NoSuchOperator", ["x"], ["y"]),
        inputs={"x": (INT64, ["n"])},
        outputs={"y": (INT64, ["n"])},
    )
    with pytest.raises(SpecError, match="NoSuchOperator"):
        read_artefact(path)


@pytest.mark.parametrize("content", [b"", b"not a protobuf at all"])
def test_another_file_of_that_name_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"is not an ONNX file|holds no ONNX graph"):
        read_artefact(path)
