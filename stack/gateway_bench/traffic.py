"""What is sent and by whom: the keys, the models, and one tensor as the body of each request."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway import keys
from gateway.keys import NewKey

SMALL = "mnist_mlp"
LARGE_IN = "image_in"
LARGE_OUT = "image_out"
SMALL_FLOATS = 784
LARGE_FLOATS = 150_000

ANSWER = json.dumps(
    {
        "model_name": SMALL,
        "model_version": "1",
        "outputs": [
            {
                "name": "logits",
                "datatype": "FP32",
                "shape": [1, 10],
                "data": [0.125, 1.5, 0.25, 7.5, 0.5, 2.25, 0.75, 4.5, 1.25, 3.5],
            }
        ],
    }
)


@dataclass(frozen=True)
class Tensor:
    """A request's body in the protocol's binary form; `head_bytes` is the length of its JSON."""

    body: bytes
    head_bytes: int


@dataclass(frozen=True)
class Traffic:
    """Requests take the next key and the next model in turn."""

    tensor: Tensor
    tokens: tuple[str, ...]
    models: tuple[str, ...]
    # Different requests to send in turn; no fewer than tokens or models.
    requests: int


def tensor_of(floats: int) -> Tensor:
    """One FP32 tensor of so many elements."""
    values = struct.pack(f"<{floats}f", *(index % 255 / 255 for index in range(floats)))
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "image",
                    "datatype": "FP32",
                    "shape": [1, floats],
                    "parameters": {"binary_data_size": len(values)},
                }
            ]
        }
    ).encode()
    return Tensor(head + values, len(head))


def new_keys(count: int) -> list[NewKey]:
    """Keys as the gateway makes them."""
    return [keys.generate() for _ in range(count)]


def traffic_of(
    keys: Sequence[NewKey],
    floats: int = SMALL_FLOATS,
    models: tuple[str, ...] = (SMALL,),
    requests: int = 1,
) -> Traffic:
    """Requests of one tensor of so many elements; at least so many different ones."""
    tokens = tuple(key.token for key in keys)
    return Traffic(tensor_of(floats), tokens, models, max(requests, len(tokens), len(models)))


def many_models(count: int) -> tuple[str, ...]:
    """Names of models; the upstream answers for all of them."""
    return tuple(f"model_{number:04}" for number in range(count))


def write_lines(path: Path, lines: tuple[str, ...]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
