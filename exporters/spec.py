"""How a model is declared. Importing this file imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from exporters.options import TensorRTOptions
from exporters.tensors import ANY, Axis, Declaration, Interface, TensorSpec, Tolerance

if TYPE_CHECKING:
    from torch.nn import Module
else:
    Module = Any  # what pydantic sees, so that declaring a model does not load torch

__all__ = [
    "ANY",
    "Axis",
    "Checkpoint",
    "Interface",
    "ModelSpec",
    "Sample",
    "TensorSpec",
    "Tolerance",
]

# Named values of one item, without the batch dimension; arrays or tensors.
Sample = Mapping[str, Any]


class Checkpoint(Declaration):
    """A module named by its import path, and the file that its weights are read from."""

    module: str = Field(description="Class or function that returns the module: `my_pkg.nets:Net`.")
    arguments: Mapping[str, Any] = Field(default_factory=dict)
    weights: Path = Field(description="A safetensors file, or a state_dict that torch.save wrote.")


class ModelSpec(Interface):
    """A trained model as it should be served.

        ModelSpec(
            name="doubler",
            build=build_doubler,  # returns the trained nn.Module
            inputs=(TensorSpec(name="x", dtype="float32", shape=(4,)),),
            outputs=(TensorSpec(name="y", dtype="float32", shape=(4,)),),
            max_batch_size=8,
            samples=[{"x": numpy.ones(4, "float32")}],
        )

    The module is called with the inputs by position, in the order declared here. Inputs and
    outputs may be left out: they are then read from one call on the first samples.
    """

    build: Callable[[], Module] | Checkpoint
    samples: Callable[[], Iterable[Sample]] | tuple[Sample, ...] = Field(
        description="Real inputs, one item each, without the batch dimension."
    )
    answers: Callable[[], Iterable[int]] | tuple[int, ...] = Field(
        default=(), description="The right class of each sample, for the accuracy of int8."
    )
    max_accuracy_drop: float = Field(
        default=0.01, ge=0, le=1, description="Most accuracy that int8 may lose, as a share."
    )
    torchscript: Literal["trace", "script"] = Field(
        default="trace", description="How TorchScript captures the module."
    )
    tensorrt: TensorRTOptions = Field(default_factory=TensorRTOptions)
    batching_delay_us: int = Field(
        default=0, ge=0, description="How long a request may wait for others to share its batch."
    )
    queue_size: int = Field(
        default=1024, ge=1, description="Requests that may wait; Triton rejects the next one."
    )
    queue_timeout_us: int = Field(
        default=5_000_000, ge=1, description="Longest wait in the queue; past it Triton rejects."
    )
    instance_count: int = Field(
        default=1, ge=1, description="Copies of the model that run at once."
    )
    warmup_runs: int = Field(
        default=3, ge=0, description="Runs at batch 1 and at the largest before the model is ready."
    )
    response_cache: bool = Field(
        default=False, description="Answer a repeated request from Triton's cache."
    )
    versions_served: int = Field(
        default=1, ge=1, description="How many of the newest versions are served side by side."
    )

    @property
    def interface(self) -> Interface:
        """The part of the declaration that a saved artefact is called by."""
        return Interface(
            name=self.name,
            inputs=self.inputs,
            outputs=self.outputs,
            max_batch_size=self.max_batch_size,
        )
