"""Request bodies in Triton's binary form, made once.

A JSON body built for every request would measure the generator and not the server.
"""

import json
from typing import Any

from loadtest.infer_body import InferBody
from loadtest.inputs import Tensor, request_inputs
from loadtest.served_model import served_model
from loadtest.tensors import as_text, wire_bytes


def infer_body(metadata: dict[str, Any], *, batch: int, seed: int) -> InferBody:
    """A seeded random request for a model, from `GET /v2/models/NAME`.

    Dynamic axes other than the batch get the size 1.
    """
    return binary_body(request_inputs(served_model(metadata), batch=batch, seed=seed))


def binary_body(tensors: list[Tensor]) -> InferBody:
    """The tensors as a request of `infer` that asks for a binary answer too."""
    contents = [wire_bytes(tensor.datatype, tensor.values) for tensor in tensors]
    inputs = [
        {
            "name": tensor.name,
            "shape": list(tensor.values.shape),
            "datatype": tensor.datatype,
            "parameters": {"binary_data_size": len(content)},
        }
        for tensor, content in zip(tensors, contents, strict=True)
    ]
    header = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return InferBody(header + b"".join(contents), len(header))


def generate_body(tensors: list[Tensor]) -> bytes:
    """The tensors as a request of `generate` and `generate_stream`, which take JSON alone."""
    return json.dumps({tensor.name: _plain(tensor) for tensor in tensors}).encode()


def _plain(tensor: Tensor) -> Any:
    values = tensor.values.ravel()
    plain = [as_text(v) for v in values] if tensor.datatype == "BYTES" else values.tolist()
    return plain[0] if len(plain) == 1 else plain
