"""Bodies of the Open Inference Protocol, from tensors given as plain lists."""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.differential.case import Case

Document = dict[str, Any]
# Datatype -> struct's letter; 16-bit floats without one are given as their bits.
FORMATS = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
    "BF16": "H",
}


@dataclass(frozen=True)
class Tensor:
    """One input; `binary` puts its data behind the JSON."""

    name: str
    datatype: str
    shape: list[int]
    values: list[Any]
    binary: bool = False

    def raw(self) -> bytes:
        if self.datatype == "BYTES":
            texts = [value.encode() for value in self.values]
            return b"".join(struct.pack("<I", len(text)) + text for text in texts)
        return struct.pack(f"<{len(self.values)}{FORMATS[self.datatype]}", *self.values)

    def document(self) -> Document:
        value: Document = {"name": self.name, "shape": self.shape, "datatype": self.datatype}
        if self.binary:
            return value | {"parameters": {"binary_data_size": len(self.raw())}}
        return value | {"data": self.values}


@dataclass(frozen=True)
class Inference:
    """An infer request: its inputs, and what else its JSON says."""

    model: str
    inputs: list[Tensor]
    rest: Document = field(default_factory=dict)
    version: str = ""

    @property
    def path(self) -> str:
        version = f"/versions/{self.version}" if self.version else ""
        return f"/v2/models/{self.model}{version}/infer"

    def document(self) -> Document:
        return {"inputs": [tensor.document() for tensor in self.inputs], **self.rest}

    def case(self, name: str) -> Case:
        """The request, with the length of its JSON if binary data follows."""
        return infer_case(name, self.path, self.document(), self.tail())

    def tail(self) -> bytes:
        return b"".join(tensor.raw() for tensor in self.inputs if tensor.binary)


def infer_case(name: str, path: str, document: Any, tail: bytes = b"") -> Case:
    """A POST of this JSON, and behind it binary data if there is any."""
    text = json.dumps(document, ensure_ascii=False).encode()
    fields = (("Inference-Header-Content-Length", str(len(text))),) if tail else ()
    return Case(name, "POST", path, text + tail, fields)


def echo(rows: int = 1, *, binary: bool = False, **rest: Any) -> Inference:
    """Four numbers a row, back as they came."""
    values = [number / 4 for number in range(4 * rows)]
    return Inference("echo", [Tensor("X", "FP32", [rows, 4], values, binary)], rest)


def pair(rows: int = 1, *, binary: bool = False, **rest: Any) -> Inference:
    """Two inputs and two outputs."""
    left, right = list(range(3 * rows)), [7] * (3 * rows)
    inputs = [
        Tensor("A", "INT32", [rows, 3], left, binary),
        Tensor("B", "INT32", [rows, 3], right, binary),
    ]
    return Inference("pair", inputs, rest)


def words(*texts: str, binary: bool = False, **rest: Any) -> Inference:
    """One text a row."""
    tensor = Tensor("text_input", "BYTES", [len(texts), 1], list(texts), binary)
    return Inference("words", [tensor], rest)


def digits(**rest: Any) -> Inference:
    """Scores with labels."""
    scores = [0.1, 0.5, 0.05, 0.25, 0.1]
    return Inference("digits", [Tensor("SCORES_IN", "FP32", [1, 5], scores)], rest)
