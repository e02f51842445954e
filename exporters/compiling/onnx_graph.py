"""Simplifies a written ONNX graph and checks that it is what was declared."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx
import onnxslim

from exporters.compiling.quiet import quiet
from exporters.errors import CompileError
from exporters.spec import Axis, Interface, TensorSpec


def simplify(path: Path) -> dict[str, Any]:
    """Replaces the file by a smaller graph that computes the same; says what came of it.

    A graph that the simplifier cannot take, or leaves invalid, stays as it is: it is right, only
    larger.
    """
    before = onnx.load(path)
    count = len(before.graph.node)
    try:
        with quiet():
            slim = onnxslim.slim(onnx.load(path))
        after = onnx.shape_inference.infer_shapes(slim, data_prop=True)
        onnx.checker.check_model(after)
    except Exception as error:  # the simplifier has no exceptions of its own
        reason = str(error).strip().partition("\n")[0]
        return {"simplified": False, "why_not_simplified": reason or type(error).__name__}
    if _interface(after) != _interface(before):
        return {"simplified": False, "why_not_simplified": "it changed the names or dimensions"}
    onnx.save(after, path)
    return {"simplified": True, "nodes": len(after.graph.node), "nodes_before": count}


def check_interface(spec: Interface, path: Path) -> None:
    """The file, and not the call that made it, decides what its names and dimensions are."""
    graph = onnx.load(path, load_external_data=False).graph
    _check_names(spec.name, "inputs", spec.inputs, graph.input)
    _check_names(spec.name, "outputs", spec.outputs, graph.output)
    for tensor, value in zip(spec.inputs, graph.input, strict=True):
        _check_dimensions(spec, tensor, value)
    for tensor, value in zip(spec.outputs, graph.output, strict=True):
        _check_dimensions(spec, tensor, value)


def _check_names(
    model: str, kind: str, declared: tuple[TensorSpec, ...], values: Iterable[onnx.ValueInfoProto]
) -> None:
    wanted, found = [tensor.name for tensor in declared], [value.name for value in values]
    if found != wanted:
        raise CompileError(
            f"'{model}' has the {kind} {', '.join(found)} in the written file, where "
            f"{', '.join(wanted)} are declared. Declare what `forward` takes and returns, in its "
            "order, and use every input."
        )


def _check_dimensions(spec: Interface, tensor: TensorSpec, value: onnx.ValueInfoProto) -> None:
    found = value.type.tensor_type.shape.dim
    if spec.batches and (not found or not found[0].dim_param):
        fixed = f"at {found[0].dim_value}" if found else "as none at all"
        raise CompileError(
            f"'{spec.name}' fixes the first dimension of '{value.name}' {fixed}; with batching it "
            "must be the batch. Let `forward` keep the first dimension of its input, or set "
            "max_batch_size=0."
        )
    for size, dimension in zip(tensor.shape, found[bool(spec.batches) :], strict=False):
        if isinstance(size, Axis) and not dimension.dim_param:
            raise CompileError(
                f"'{spec.name}' fixes axis '{size.name}' of '{value.name}' at "
                f"{dimension.dim_value} in the written file. Let `forward` take the size from its "
                "input's shape, without int(), or declare the number."
            )


def _interface(model: onnx.ModelProto) -> list[tuple[str, int, list[object]]]:
    return [
        (
            value.name,
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in (*model.graph.input, *model.graph.output)
    ]
