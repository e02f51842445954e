"""Reads an ONNX file: names, dtypes, dimensions, and whether this host's ONNX Runtime takes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, ValueInfoProto

from exporters.artefacts.found import Draft, Found, unnamed
from exporters.errors import SpecError
from exporters.tensors import TRITON_TYPES

_OPTIONS = "skl2onnx.to_onnx(model, X[:1], options={'zipmap': False})"


def read(path: Path) -> Found:
    model = _load(path)
    graph = model.graph
    given = {tensor.name for tensor in graph.initializer}
    # Files of old exporters list the weights among the inputs.
    inputs = tuple(_draft(path, value) for value in graph.input if value.name not in given)
    outputs = tuple(_draft(path, value) for value in graph.output)
    if not inputs or not outputs:
        raise SpecError(
            f"{path} has no {'outputs' if inputs else 'inputs'}; nothing can be served."
        )
    found = Found(
        path=path,
        format="onnx",
        inputs=inputs,
        outputs=outputs,
        files=_external(path, model),
        said=_said(model),
    )
    _check_runtime(found)
    return found


def _load(path: Path) -> ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise SpecError(f"{path} is not an ONNX file, or not all of it: {error}.") from error
    if not model.graph.node and not model.graph.output:
        raise SpecError(f"{path} holds no ONNX graph. Write the model again as ONNX.")
    return model


def _draft(path: Path, value: ValueInfoProto) -> Draft:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise SpecError(
            f"{path} has '{value.name}' as {kind.removesuffix('_type') if kind else 'nothing'}; "
            f"only tensors can be served. From scikit-learn write it without: {_OPTIONS}."
        )
    tensor = value.type.tensor_type
    return Draft(value.name, _dtype(path, value.name, tensor.elem_type), _dims(value))


def _dtype(path: Path, name: str, element: int) -> str:
    if element == TensorProto.STRING:
        raise SpecError(
            f"{path} has '{name}' as text; only numbers are served. Train on numbered classes, or "
            "cut the text out of the model: onnx.utils.extract_model(source, target, inputs, "
            "outputs) keeps the inputs and outputs that it is given."
        )
    dtype = _numpy_name(element)
    if dtype not in TRITON_TYPES:
        raise SpecError(
            f"{path} has '{name}' as {TensorProto.DataType.Name(element)}, which is not served; "
            f"write it as one of {', '.join(TRITON_TYPES)}."
        )
    return dtype


def _numpy_name(element: int) -> str:
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(element))
    except (KeyError, ValueError):
        return ""


def _dims(value: ValueInfoProto) -> tuple[int | str, ...] | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value
        if dim.HasField("dim_value") and dim.dim_value > 0
        else _named(dim.dim_param) or unnamed(value.name, place)
        for place, dim in enumerate(tensor.shape.dim)
    )


def _named(dimension: str) -> str:
    """Some exporters write "?" or "-1" for every dimension that changes: those are not one."""
    return dimension if any(map(str.isalpha, dimension)) else ""


def _external(path: Path, model: ModelProto) -> tuple[Path, ...]:
    """The files that hold the weights, where they are not in the model's own."""
    names = {
        entry.value
        for tensor in _tensors(model.graph)
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    files = []
    for name in sorted(names):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise SpecError(
                f"{path} keeps weights in {name}, outside of its own folder. Save it again with "
                "onnx.save(model, path, save_as_external_data=True)."
            )
        if not (path.parent / name).is_file():
            raise SpecError(
                f"{path} keeps weights in the file {name}, which is not beside it. Copy that one, "
                "too, or save the model with its weights: onnx.save(onnx.load(source), target)."
            )
        files.append(path.parent / name)
    return tuple(files)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t
            for inner in (*attribute.graphs, attribute.g):
                if inner.node:
                    yield from _tensors(inner)


def _check_runtime(found: Found) -> None:
    """Serving needs it, and its own refusal names the operator or the version."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(
            found.path, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions have no common base
        last = str(error).strip().rpartition("\n")[2]
        raise SpecError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {found.path} ({found.said}): "
            f"{last} Write the file again with an older opset or without that operator."
        ) from error


def _said(model: ModelProto) -> str:
    producer = f"{model.producer_name or 'unnamed producer'} {model.producer_version}".strip()
    opsets = sorted({(entry.domain or "ai.onnx", entry.version) for entry in model.opset_import})
    listed = ", ".join(f"{domain} {version}" for domain, version in opsets)
    return f"{producer}, IR version {model.ir_version}, opsets {listed}"
