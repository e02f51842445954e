"""How a model is declared. Importing this file imports neither torch nor numpy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exporters.errors import SpecError

if TYPE_CHECKING:
    from torch.nn import Module
else:
    Module = Any  # what pydantic sees, so that declaring a model does not load torch

# Named values of one item, without the batch dimension; arrays or tensors.
Sample = Mapping[str, Any]

NAME_PATTERN = re.compile(r"[A-Za-z0-9._-]+")
# `/v2/models/stats` is a path of the protocol, so no model can have this name.
RESERVED_NAMES = frozenset({"stats", ".", ".."})

TRITON_TYPES = {
    "bool": "TYPE_BOOL",
    "uint8": "TYPE_UINT8",
    "int8": "TYPE_INT8",
    "int16": "TYPE_INT16",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "float16": "TYPE_FP16",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
}


class Tolerance(NamedTuple):
    """Largest accepted difference: `absolute + relative * |eager value|`."""

    absolute: float
    relative: float


# A row alone and the same row in a batch differ by up to 1e-4 in some float32 models, whatever
# the format; whole numbers have no rounding to excuse.
DEFAULT_TOLERANCES = {
    "float16": Tolerance(1e-2, 1e-2),
    "float32": Tolerance(1e-4, 1e-4),
    "float64": Tolerance(1e-6, 1e-6),
}
EXACT = Tolerance(0.0, 0.0)


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TensorSpec(_Declaration):
    """One named input or output, its shape without the batch dimension."""

    name: str = Field(min_length=1)
    dtype: str
    shape: tuple[int, ...]
    labels: tuple[str, ...] = ()
    tolerance: Tolerance | None = None

    @field_validator("dtype")
    @classmethod
    def _known_dtype(cls, dtype: str) -> str:
        if dtype not in TRITON_TYPES:
            raise SpecError(f"dtype '{dtype}' is not one of {', '.join(TRITON_TYPES)}.")
        return dtype

    @field_validator("shape")
    @classmethod
    def _fixed_shape(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not shape or min(shape) < 1:
            raise SpecError(
                f"shape {list(shape)} must have one or more dimensions of at least 1, without "
                "the batch dimension; write a scalar as [1]."
            )
        return shape

    @property
    def triton_type(self) -> str:
        return TRITON_TYPES[self.dtype]

    @property
    def accepted(self) -> Tolerance:
        """The tolerance given, else the default of the dtype."""
        return self.tolerance or DEFAULT_TOLERANCES.get(self.dtype, EXACT)


class ModelSpec(_Declaration):
    """A trained model as it should be served.

        ModelSpec(
            name="doubler",
            build=build_doubler,  # returns the trained nn.Module
            inputs=(TensorSpec(name="x", dtype="float32", shape=(4,)),),
            outputs=(TensorSpec(name="y", dtype="float32", shape=(4,)),),
            max_batch_size=8,
            samples=[{"x": numpy.ones(4, "float32")}],
        )

    The module is called with the inputs by position, in the order declared here.
    """

    name: str
    build: Callable[[], Module]
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    max_batch_size: int = Field(ge=0, description="Largest batch; 0: the model takes no batches.")
    samples: Callable[[], Iterable[Sample]] | tuple[Sample, ...] = Field(
        description="Real inputs, one item each, without the batch dimension."
    )
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

    @field_validator("name")
    @classmethod
    def _servable_name(cls, name: str) -> str:
        if not NAME_PATTERN.fullmatch(name) or name in RESERVED_NAMES:
            raise SpecError(
                f"Model name '{name}' cannot be served: use letters, digits, '.', '_' and '-', "
                f"and none of {', '.join(sorted(RESERVED_NAMES))}."
            )
        return name

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SpecError(f"Model '{self.name}' names {', '.join(twice)} more than once.")
        if any(tensor.labels for tensor in self.inputs):
            raise SpecError(f"Model '{self.name}' labels an input; only outputs have labels.")
        return self

    @property
    def batches(self) -> bool:
        return self.max_batch_size > 0
