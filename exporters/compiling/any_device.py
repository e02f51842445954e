"""Lets a trace compute the same on every device, though it was made on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """A trace keeps whether a GPU may round what its convolutions take to TF32, as torch lets it.

    On an H200 that made a float32 model 1,400 times less exact than it had been proved.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def follow_input(traced: Any) -> None:
    """Tensors that `forward` makes lie where its first input lies.

    A trace has `device=x.device` as the device of the example, and on another one it would fail.
    """
    graph = traced.graph
    kept = [
        node.output()
        for node in graph.findAllNodes("prim::Constant")
        if node.output().type().kind() == "DeviceObjType"
    ]
    if not kept:
        return
    first = next(value for value in graph.inputs() if value.type().kind() == "TensorType")
    asked = graph.create("prim::device", [first])
    asked.output().setType(kept[0].type())
    graph.prependNode(asked)
    for device in kept:
        device.replaceAllUsesWith(asked.output())
