"""Parses ONNX into a strongly typed TensorRT network, and names what TensorRT cannot take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.errors import CompileError
from exporters.tensorrt_parts.bindings import Bindings
from exporters.tensorrt_parts.messages import collector, reason

SHOWN_NODES = 10
SHOWN_CHARACTERS = 240


@dataclass(frozen=True)
class Parsed:
    """A network with all that it points into: TensorRT crashes where one of them is collected."""

    bindings: Bindings
    logger: Any
    builder: Any
    network: Any
    parser: Any

    def layers(self) -> Iterator[Any]:
        return (self.network.get_layer(index) for index in range(self.network.num_layers))


def parse(
    bindings: Bindings, path: Path, model: str, lines: Callable[[], Mapping[str, str]] = dict
) -> Parsed:
    """Raises a `CompileError` that lists every node that is not supported, with its line.

    `lines` gives the line of the user's model by the name of the node; it is called for a refusal.
    """
    trt = bindings.trt
    logger = collector(trt)
    builder = trt.Builder(logger)
    # Implied from TensorRT 11 on, and what makes 10 take the precision from the graph.
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, logger)
    parsed = Parsed(bindings, logger, builder, network, parser)
    # From the path, so that weights in files beside it are found.
    if not parser.parse_from_file(str(path)):
        raise CompileError(_refusal(parsed, model, lines))
    return parsed


def _refusal(parsed: Parsed, model: str, lines: Callable[[], Mapping[str, str]]) -> str:
    parser = parsed.parser
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    if not any(parser_error.node_operator() for parser_error in errors):
        return (
            f"TensorRT {parsed.bindings.version} cannot read '{model}': {reason(parsed.logger)}. "
            "Try another format."
        )
    known = lines()
    refused = [
        _describe(parser_error, known.get(parser_error.node_name())) for parser_error in errors
    ]
    more = len(refused) - SHOWN_NODES
    listed = "; ".join(refused[:SHOWN_NODES]) + (f"; and {more} more" if more > 0 else "")
    return (
        f"TensorRT {parsed.bindings.version} does not support {len(refused)} node(s) of "
        f"'{model}': {listed}. Write those operations another way in the model, or try another "
        "format."
    )


def _describe(parser_error: Any, line: str | None) -> str:
    """`Det 'n0' (net.py, line 4: `return torch.linalg.det(x)`): why`, as far as it is known."""
    found = f"{parser_error.node_operator()} '{parser_error.node_name()}'"
    where = f" ({line})" if line else ""
    said = " ".join(parser_error.desc().split())[:SHOWN_CHARACTERS]
    # Of an unknown operation, the parser says no more than a word.
    return f"{found}{where}: {said}" if " " in said else f"{found}{where}"
