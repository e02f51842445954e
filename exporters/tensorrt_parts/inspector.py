"""Reads the precision back from what was built: a flag that is ignored must not pass for one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.errors import CompileError
from exporters.tensorrt_parts.network import Parsed

# Where a model spends its time.
HEAVY = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY", "EINSUM", "ATTENTION_INPUT", "MOE")
# What moves or holds values and computes nothing.
IDLE = ("CAST", "CONSTANT", "IDENTITY", "SHAPE", "SHUFFLE", "SQUEEZE", "UNSQUEEZE")
# TensorRT's names of types to those of precisions.
PRECISIONS = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16", "INT8": "int8", "FP8": "fp8"}
# Words of the engine's own listing, which differ from release to release.
WORDS = {
    "fp32": re.compile(r"\b(FP32|Float)\b", re.IGNORECASE),
    "fp16": re.compile(r"\b(FP16|Half)\b", re.IGNORECASE),
    "bf16": re.compile(r"\b(BF16|BFloat16)\b", re.IGNORECASE),
    "int8": re.compile(r"\bInt8\b", re.IGNORECASE),
    "fp8": re.compile(r"\b(FP8|Float8\w*)\b", re.IGNORECASE),
}
# Many layers compiled into one, of which the listing shows only the outermost types.
OPAQUE = re.compile(r"ForeignNode\[")
TF32_TACTIC = re.compile(r"tf32", re.IGNORECASE)


@dataclass(frozen=True)
class Precision:
    """What an engine computes in."""

    known_from: str
    """`network`: the types that TensorRT is bound to; `engine`: the layers that it built."""

    layers: Mapping[str, int]
    """How many layers compute in each precision."""

    def check(self, asked: str, model: str) -> None:
        """Raises a `CompileError` where nothing was built in the precision that was asked for."""
        wanted = "fp32" if asked == "tf32" else asked
        if self.layers and wanted not in self.layers:
            built = ", ".join(f"{count} in {name}" for name, count in self.layers.items())
            raise CompileError(
                f"'{model}' was to be built in {asked}, and by its {self.known_from} its layers "
                f"are: {built}. Let `forward` create no tensors of a fixed dtype (of int8 and fp8, "
                "ModelOpt spares small layers), or choose another precision."
            )


def of_network(parsed: Parsed) -> Precision:
    """From the network's own types: it is strongly typed, so the engine has no other."""
    layers = list(parsed.layers())
    quantized = _quantized_tensors(layers)
    counted = [layer for layer in layers if layer.type.name in HEAVY]
    if not counted:
        counted = [layer for layer in layers if layer.type.name not in IDLE]
    found = Counter(_precision(layer, quantized) for layer in counted)
    found.pop(None, None)
    return Precision("network", {str(name): count for name, count in found.items()})


def list_layers(trt: Any, engine: Any) -> str:
    """JSON of the layers that were built; needs a GPU, and an engine of detailed verbosity."""
    inspector = engine.create_engine_inspector()
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def of_listing(listing: str) -> Precision | None:
    """From the JSON that the engine inspector writes; None where it hides what layers compute."""
    entries = _entries(listing)
    if any(OPAQUE.search(str(entry.get("Name", ""))) for entry in entries):
        return None
    found: Counter[str] = Counter()
    for entry in entries:
        found.update(_precisions_in(entry))
    return Precision("engine", dict(found)) if found else None


def uses_tf32(listing: str) -> bool:
    """Whether a kernel rounds its float32 inputs, which only the kernels' names tell."""
    return any(TF32_TACTIC.search(str(entry.get("TacticName", ""))) for entry in _entries(listing))


def _entries(listing: str) -> list[dict[str, Any]]:
    """An engine without detailed verbosity lists bare names, which say nothing."""
    entries = json.loads(listing).get("Layers", [])
    return [entry for entry in entries if isinstance(entry, dict)]


def _precisions_in(entry: Mapping[str, Any]) -> set[str]:
    types = [str(tensor.get("Format/Datatype", "")) for tensor in _tensors(entry)]
    return {name for name, word in WORDS.items() if any(word.search(type) for type in types)}


def _tensors(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for side in ("Inputs", "Outputs"):
        yield from (tensor for tensor in entry.get(side, []) if isinstance(tensor, dict))


def _quantized_tensors(layers: Iterable[Any]) -> dict[str, str]:
    """Name of each dequantized tensor to the precision that it had before.

    TensorRT fuses a layer with the dequantisation of its inputs and computes in their type.
    """
    found: dict[str, str] = {}
    for layer in layers:
        source = layer.get_input(0) if layer.num_inputs else None
        if source is None:
            continue
        if layer.type.name == "DEQUANTIZE":
            found[layer.get_output(0).name] = PRECISIONS.get(source.dtype.name, "")
        elif layer.type.name in IDLE and source.name in found:
            found[layer.get_output(0).name] = found[source.name]
    return found


def _precision(layer: Any, quantized: Mapping[str, str]) -> str | None:
    inputs = [layer.get_input(index) for index in range(layer.num_inputs)]
    before = [quantized.get(tensor.name) for tensor in inputs if tensor is not None]
    if before and before[0]:
        return before[0]
    return PRECISIONS.get(layer.get_output(0).dtype.name)
