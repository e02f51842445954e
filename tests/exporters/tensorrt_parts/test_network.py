from pathlib import Path

import onnx
import pytest

from exporters.errors import CompileError
from exporters.tensorrt_parts.bindings import import_bindings
from exporters.tensorrt_parts.network import parse
from tests.exporters.tensorrt_parts.small import Determinant, compile_rtx, source_of


def test_an_unsupported_node_is_named_with_its_operation_and_the_line_of_the_model(
    tmp_path: Path,
) -> None:
    refusal = (
        r"does not support 1 node\(s\) of 'small': Det 'n0' \(.*small\.py, line \d+: "
        r"`return torch\.linalg\.det"
    )
    with pytest.raises(CompileError, match=refusal):
        compile_rtx(source_of(Determinant), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not onnx")
    with pytest.raises(CompileError, match="'broken'"):
        parse(import_bindings("rtx"), path, "broken")


def test_every_unsupported_node_is_counted_and_the_first_ten_are_listed(tmp_path: Path) -> None:
    square = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 2])
    names = [f"y{index}" for index in range(12)]
    nodes = [onnx.helper.make_node("Det", ["x"], [name], name=f"det-{name}") for name in names]
    outputs = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in names
    ]
    graph = onnx.helper.make_graph(nodes, "determinants", [square], outputs)
    opset = onnx.helper.make_opsetid("", 18)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset]), tmp_path / "model.onnx")
    with pytest.raises(CompileError, match=r"12 node\(s\).*'det-y9'; and 2 more"):
        parse(import_bindings("rtx"), tmp_path / "model.onnx", "determinants")
