"""Captures a module through torch.export, with one named dimension for the batch and each axis."""

import re

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from exporters.compiling.model_line import ModelLine, line_of_error
from exporters.compiling.quiet import quiet
from exporters.compiling.shape_guards import ShapeGuards, listening
from exporters.errors import CompileError
from exporters.spec import Axis, ModelSpec, TensorSpec

BATCH = "batch"

# What torch.export complains of, a line for each dimension.
FIXED = re.compile(r"You marked (?P<name>\w+) as dynamic but .+ constant \((?P<size>\d+)\)")
EQUAL = re.compile(r"The values of (?P<name>\w+) = .+ and (?P<other>\w+) = .+ must always be equal")
LIMITED = re.compile(
    r"Not all values of (?P<name>\w+) = .+ satisfy the generated guard (?P<guard>.+)"
)
# What it would have instead.
NARROWER = re.compile(
    r"^  (?P<name>[a-z]\w*) = Dim\('\w+'(?P<bounds>(?:, m\w\w=\d+)+)\)", re.MULTILINE
)
MULTIPLE = re.compile(r"^  (?P<name>[a-z]\w*) = (?P<factor>\d+)\*\w+$", re.MULTILINE)

SCRIPTED = (
    "A part of the model is TorchScript already, of which torch.export sees one run only: whatever "
    "the sizes are that it takes, use --format torchscript."
)
UNROLLED = (
    "If it comes from a recurrent layer: this format unrolls those into their steps, so use onnx "
    "or torchscript."
)


def exported_program(
    module: nn.Module, spec: ModelSpec, example: tuple[Tensor, ...]
) -> ExportedProgram:
    """Raises a `CompileError` that names the line of the model and the axis, where torch knows."""
    try:
        return _export(module, spec, example, defer=False)
    except _Undecided:
        # Torch could not prove an inequality of sizes and has nothing to suggest. It then leaves
        # a check in the program, and the proof runs the program at the axis' other lengths.
        return _export(module, spec, example, defer=True)


def dynamic_shapes(spec: ModelSpec) -> tuple[dict[int, Dim] | None, ...] | None:
    """The dimensions of each input that may change; axes of one name are one dimension."""
    if not spec.batches and not spec.axes:
        return None
    if spec.batches and BATCH in {axis.name for axis in spec.axes}:
        raise CompileError(
            f"'{spec.name}' names an axis '{BATCH}', which is the name of the dimension that "
            "Triton adds. Give the axis another name."
        )
    # Named, where `Dim.AUTO` would silently fix a size instead of failing.
    dims = {axis.name: Dim(axis.name, min=axis.min, max=axis.max) for axis in spec.axes}
    batch = Dim(BATCH, min=1, max=max(2, spec.max_batch_size)) if spec.batches else None
    return tuple(_dynamic(tensor, dims, batch) for tensor in spec.inputs)


def _dynamic(tensor: TensorSpec, dims: dict[str, Dim], batch: Dim | None) -> dict[int, Dim] | None:
    offset = 1 if batch else 0
    found = {
        index + offset: dims[size.name]
        for index, size in enumerate(tensor.shape)
        if isinstance(size, Axis)
    }
    return ({0: batch} if batch else {}) | found or None


class _Undecided(Exception):
    """Torch could neither prove nor refute that every size will do."""


def _export(
    module: nn.Module, spec: ModelSpec, example: tuple[Tensor, ...], *, defer: bool
) -> ExportedProgram:
    shapes = dynamic_shapes(spec)
    with listening() as guards, quiet():
        try:
            return torch.export.export(
                module,
                example,
                dynamic_shapes=shapes,
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=defer,
            )
        except Exception as error:  # torch raises whatever its layers raise
            reason = _shape_reason(str(error), guards) or _other_reason(error)
            hint = _hint(module, str(error))
            raise CompileError(f"'{spec.name}' cannot be captured: {reason}{hint}") from error


def _hint(module: nn.Module, text: str) -> str:
    """What is known of the parts of a model that torch.export fixes sizes of."""
    fixed = FIXED.search(text) is not None
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        return f" {SCRIPTED}" if fixed or "ScriptModule" in text else ""
    recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
    return f" {UNROLLED}" if fixed and recurrent else ""


def _shape_reason(text: str, guards: ShapeGuards) -> str | None:
    if "Constraints violated" not in text:
        return None
    complaints = [line for line in text.splitlines() if line.startswith("  - ")]
    for form, say in ((FIXED, _fixed), (EQUAL, _equal), (LIMITED, _limited)):
        for line in complaints:
            if found := form.search(line):
                return say(found, text, _comes_from(guards.line_for(line)))
    return None


def _fixed(found: re.Match[str], text: str, where: str) -> str:
    name, size = found["name"], found["size"]
    if name == BATCH:
        return (
            f"it works for a batch of {size} only.{where} Let `forward` take the batch from its "
            "input's shape, without int() and without a loop over it, or set max_batch_size=0."
        )
    longer = " A first sample that is longer than 1 may be enough." if size == "1" else ""
    return (
        f"it works for '{name}' = {size} only, where axis '{name}' is declared to change.{where} "
        f"Let `forward` take the size from its input's shape, without int() and without a Python "
        f"loop over it, or declare {size} instead of the axis.{longer}"
    )


def _equal(found: re.Match[str], text: str, where: str) -> str:
    name, other = found["name"], found["other"]
    return (
        f"the sizes '{name}' and '{other}' must always be equal.{where} Use one Axis for both, by "
        "one name."
    )


def _limited(found: re.Match[str], text: str, where: str) -> str:
    if multiple := MULTIPLE.search(text):
        name, factor = multiple["name"], multiple["factor"]
        return (
            f"it takes '{name}' only in multiples of {factor}, where axis '{name}' may have any "
            f"length between its bounds.{where} If the model itself takes every length, this is "
            "torch.export's own assumption, as for pooling with ceil_mode=True: use --format "
            "torchscript. If not, pad the input in `forward` and cut the output to the length "
            "again, or declare a number instead of the axis."
        )
    if narrower := NARROWER.search(text):
        name, bounds = narrower["name"], narrower["bounds"].lstrip(", ")
        what = "max_batch_size" if name == BATCH else f"axis '{name}'"
        return (
            f"it behaves otherwise, or fails, outside of {bounds} of '{name}', and {what} goes "
            f"further.{where} Declare these bounds, or let `forward` do the same for every size."
        )
    raise _Undecided(found["guard"])


def _comes_from(line: ModelLine | None) -> str:
    return f" It comes from {line}." if line else ""


def _other_reason(error: Exception) -> str:
    if "data-dependent" in str(error):
        return (
            "it decides on the values of a tensor, which a captured graph cannot."
            f"{_comes_from(line_of_error(error))} Write that line without a decision on values "
            "(torch.where instead of `if`), or try another format."
        )
    first_line = str(error).strip().partition("\n")[0].rstrip(".")
    return (
        f"{first_line or type(error).__name__}.{_comes_from(line_of_error(error))} Write that "
        "line with torch's own operations on tensors, or try another format."
    )
