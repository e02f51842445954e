"""Tensors and axes as people write them: `x:float32[3,length=1..512]`, Python and TOML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from exporters.artefacts.found import axis_name
from exporters.errors import SpecError
from exporters.tensors import ANY, TRITON_TYPES, Axis, TensorSpec

_TENSOR = re.compile(r"(?P<name>.+?):(?P<dtype>\w+)\[(?P<shape>.*)\]")
_RANGE = re.compile(r"(?P<name>.+?)=(?P<low>-?[\d.e+-]+?)\.\.(?P<high>-?[\d.e+-]+)")


def parse_tensor(text: str) -> TensorSpec:
    """`parse_tensor("x:float32[3,length=1..512]")`; the shape is that of one item."""
    found = _TENSOR.fullmatch(text.strip())
    if not found:
        raise SpecError(
            f"'{text}' does not describe a tensor. Write its name, dtype and the shape of one "
            "item, without the batch: 'x:float32[3,224,224]', 'ids:int64[length=1..512]', or "
            "'score:float32[]' for a single number."
        )
    if found["dtype"] not in TRITON_TYPES:
        raise SpecError(
            f"'{text}' has the dtype '{found['dtype']}'; write one of {', '.join(TRITON_TYPES)}."
        )
    sizes = [size.strip() for size in found["shape"].split(",") if size.strip()]
    shape = tuple(_size(text, size) for size in sizes)
    return TensorSpec(name=found["name"], dtype=found["dtype"], shape=shape)


def parse_axis(text: str) -> Axis:
    """`parse_axis("length=1..512")`; a name that a file spells otherwise becomes a plain one."""
    name, low, high = parse_range(text)
    if low != int(low) or high != int(high) or low < 1:
        raise SpecError(f"'{text}' bounds a length; write whole numbers from 1 on: length=1..512.")
    if low == high:
        raise SpecError(
            f"'{text}' is one length, so no axis. Write the number into the input's whole shape: "
            f"--input 'images:float32[3,{int(low)},{int(low)}]', or shape in a model.toml."
        )
    return Axis(name=axis_name(name), min=int(low), max=int(high))


def parse_range(text: str) -> tuple[str, float, float]:
    """`parse_range("ids=0..30521")` -> `("ids", 0.0, 30521.0)`"""
    found = _RANGE.fullmatch(text.strip())
    try:
        if found and float(found["low"]) <= float(found["high"]):
            return found["name"], float(found["low"]), float(found["high"])
    except ValueError:
        pass
    raise SpecError(
        f"'{text}' is no range. Write a name, the smallest and the largest value: ids=0..30521."
    )


def tensor_text(tensor: TensorSpec) -> str:
    """What `parse_tensor` reads: `x:float32[3,length=1..512]`."""
    sizes = ",".join(
        f"{size.name}={size.min}..{size.max}" if isinstance(size, Axis) else str(size)
        for size in tensor.shape
    )
    return f"{tensor.name}:{tensor.dtype}[{sizes}]"


def python_text(tensors: Sequence[TensorSpec], field: str) -> str:
    """`inputs=(TensorSpec(name="x", ...),),` as it is written in a ModelSpec."""
    lines = [
        f'    TensorSpec(name="{tensor.name}", dtype="{tensor.dtype}", shape={_python(tensor)}),'
        for tensor in tensors
    ]
    return "\n".join([f"{field}=(", *lines, "),"])


def toml_text(tensors: Sequence[TensorSpec], field: str) -> str:
    """`[[inputs]]` tables as they are written in a model.toml."""
    return "\n\n".join(
        f'[[{field}]]\nname = "{tensor.name}"\ndtype = "{tensor.dtype}"\nshape = {_toml(tensor)}'
        for tensor in tensors
    )


def _size(text: str, size: str) -> int | Axis:
    if "=" in size:
        name = size.partition("=")[0]
        if not name.isidentifier():
            raise SpecError(f"'{name}' is no name for an axis; use letters, digits and '_'.")
        return parse_axis(size)
    if re.fullmatch(rf"[1-9]\d*|{ANY}", size):
        return int(size)
    raise SpecError(
        f"'{text}' has the dimension '{size}'; write a number of at least 1, or an axis with its "
        "bounds, 'length=1..512'. In an output, -1 stands for any length."
    )


def _python(tensor: TensorSpec) -> str:
    sizes = [
        f'Axis(name="{size.name}", min={size.min}, max={size.max})'
        if isinstance(size, Axis)
        else str(size)
        for size in tensor.shape
    ]
    return _joined(sizes, "(", ",)" if len(sizes) == 1 else ")")


def _toml(tensor: TensorSpec) -> str:
    sizes = [
        f'{{axis = "{size.name}", min = {size.min}, max = {size.max}}}'
        if isinstance(size, Axis)
        else str(size)
        for size in tensor.shape
    ]
    return _joined(sizes, "[", "]")


def _joined(sizes: Iterable[str], opening: str, closing: str) -> str:
    return f"{opening}{', '.join(sizes)}{closing}"
