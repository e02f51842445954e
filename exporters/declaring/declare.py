"""Completes a declaration that leaves out inputs or outputs, and shows what was read."""

from __future__ import annotations

from exporters.declaring.checkpoint import build_module
from exporters.declaring.read_inputs import read_inputs
from exporters.declaring.read_outputs import read_outputs
from exporters.declaring.tensor_text import python_text, toml_text
from exporters.spec import Checkpoint, ModelSpec, TensorSpec


def complete(spec: ModelSpec) -> ModelSpec:
    """The spec with the inputs and outputs that it leaves out, as the model's calls show them."""
    if spec.inputs and spec.outputs:
        return spec
    module = build_module(spec).eval()
    if not spec.inputs:
        spec = _with(spec, inputs=read_inputs(spec, module))
    if not spec.outputs:
        spec = _with(spec, outputs=read_outputs(spec, module))
    return spec


def declaration_text(spec: ModelSpec) -> str:
    """Inputs and outputs as they can be copied into the declaration, to be confirmed."""
    write = toml_text if isinstance(spec.build, Checkpoint) else python_text
    between = "\n\n" if write is toml_text else "\n"
    written = between.join((write(spec.inputs, "inputs"), write(spec.outputs, "outputs")))
    return f"'{spec.name}' as read from its samples:\n\n{written}\n"


def _with(spec: ModelSpec, **read: tuple[TensorSpec, ...]) -> ModelSpec:
    # Not model_copy: what was read is validated like what is written.
    return ModelSpec(**{**dict(spec), **read})
