"""The lines of the user's model that the nodes of an ONNX graph come from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx

from exporters.formats import Source

# What torch's ONNX exporter leaves on each node.
STACK_TRACE = "pkg.torch.onnx.stack_trace"
MODEL_LINE = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+), in .+\n\s*(?P<code>.+)')


def lines_by_node(source: Source, path: Path) -> dict[str, str]:
    """Name of a node to ``net.py, line 4: `return torch.linalg.det(x)` ``, where it is known.

    Simplifying a graph drops where its nodes come from, so it is made once more; this is asked
    only when TensorRT has refused a node.
    """
    nodes = onnx.load(path, load_external_data=False).graph.node
    if not any(node.metadata_props for node in nodes):
        from exporters.formats.onnx import onnx_program

        nodes = onnx_program(source).model_proto.graph.node
    lines = {node.name: line_of(node.metadata_props) for node in nodes}
    return {name: line for name, line in lines.items() if line}


def line_of(metadata: Iterable[Any]) -> str | None:
    """The innermost line of the stack that a node carries."""
    for entry in metadata:
        if entry.key == STACK_TRACE:
            lines = list(MODEL_LINE.finditer(entry.value))
            if lines:
                last = lines[-1]
                return f"{last['file']}, line {last['line']}: `{last['code'].strip()}`"
    return None
