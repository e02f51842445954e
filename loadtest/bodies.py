"""Builds inference requests for any model from its own metadata: binary tensors, made once.

A JSON body built for every request would measure the generator and not the server.
"""

import json
import math
import random
from array import array
from dataclasses import dataclass
from typing import Any

# Triton's element types -> (array typecode, smallest and largest random value).
_ELEMENTS: dict[str, tuple[str, float, float]] = {
    "FP32": ("f", 0.0, 1.0),
    "FP64": ("d", 0.0, 1.0),
    "INT8": ("b", 0, 1),
    "INT16": ("h", 0, 1),
    "INT32": ("i", 0, 1),
    "INT64": ("q", 0, 1),
    "UINT8": ("B", 0, 255),
    "UINT16": ("H", 0, 1),
    "UINT32": ("I", 0, 1),
    "UINT64": ("Q", 0, 1),
    "BOOL": ("B", 0, 1),
}


class UnsupportedModelError(Exception):
    """The model has an input that no random tensor can be made for."""


@dataclass(frozen=True)
class InferBody:
    """A request body in Triton's binary form; `header_bytes` is the length of its JSON part."""

    content: bytes
    header_bytes: int

    @property
    def headers(self) -> dict[str, str]:
        """Headers the body needs. `identity` keeps Triton from compressing float tensors."""
        return {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(self.header_bytes),
            "Accept-Encoding": "identity",
        }


def infer_body(metadata: dict[str, Any], *, batch: int, seed: int) -> InferBody:
    """A seeded random request for a model, from `GET /v2/models/NAME`.

    Dynamic axes other than the batch get the size 1. Raises UnsupportedModelError for BYTES,
    FP16 and BF16 inputs.
    """
    rng = random.Random(seed)
    inputs, tensors = [], []
    for declared in metadata["inputs"]:
        shape = _shape(declared["shape"], batch)
        tensor = _tensor(declared["name"], declared["datatype"], math.prod(shape), rng)
        tensors.append(tensor)
        inputs.append(
            {
                "name": declared["name"],
                "shape": shape,
                "datatype": declared["datatype"],
                "parameters": {"binary_data_size": len(tensor)},
            }
        )
    header = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return InferBody(header + b"".join(tensors), len(header))


def _shape(declared: list[int], batch: int) -> list[int]:
    first, *rest = (int(size) for size in declared)
    return [batch if first == -1 else first, *(1 if size == -1 else size for size in rest)]


def _tensor(name: str, datatype: str, elements: int, rng: random.Random) -> bytes:
    if datatype not in _ELEMENTS:
        known = ", ".join(_ELEMENTS)
        raise UnsupportedModelError(
            f"Input {name} is {datatype}; random tensors are made for {known} only."
        )
    typecode, low, high = _ELEMENTS[datatype]
    if typecode in "fd":
        return array(typecode, (rng.uniform(low, high) for _ in range(elements))).tobytes()
    whole = (rng.randint(int(low), int(high)) for _ in range(elements))
    return array(typecode, whole).tobytes()
