"""Names, types and shapes of what goes into a model and comes out. Imports no torch, no numpy."""

from __future__ import annotations

import re
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from exporters.errors import SpecError

NAME_PATTERN = re.compile(r"[A-Za-z0-9._-]+")
# `/v2/models/stats` is a path of the protocol, so no model can have this name.
RESERVED_NAMES = frozenset({"stats", ".", ".."})
# A dimension of an output that only the inputs' values decide.
ANY = -1

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


class Declaration(BaseModel):
    """Frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Axis(Declaration):
    """A dimension that each request chooses: `Axis(name="length", min=1, max=512)`.

    Axes of one name have one length in a request, whichever tensors they stand in.
    """

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    min: int = Field(default=1, ge=1)
    max: int = Field(ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Axis:
        if self.min >= self.max:
            raise SpecError(
                f"Axis '{self.name}' goes from {self.min} to {self.max}; its max must be larger "
                "than its min. Write a number for a dimension that never changes."
            )
        return self


class TensorSpec(Declaration):
    """One named input or output, its shape without the batch dimension.

    A dimension is a number, an `Axis`, or in outputs -1 where only the values decide. `()` is one
    number for each item.
    """

    name: str = Field(min_length=1)
    dtype: str
    shape: tuple[int | Axis, ...]
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
    def _real_shape(cls, shape: tuple[int | Axis, ...]) -> tuple[int | Axis, ...]:
        if any(isinstance(size, int) and size < 1 and size != ANY for size in shape):
            raise SpecError(
                f"shape {list(shape)} must have dimensions of at least 1, without the batch "
                "dimension; -1 stands for any length in an output."
            )
        return shape

    @model_validator(mode="after")
    def _one_label_a_value(self) -> TensorSpec:
        fixed = len(self.shape) == 1 and isinstance(self.shape[0], int) and self.shape[0] != ANY
        if self.labels and fixed and len(self.labels) != self.shape[0]:
            raise SpecError(
                f"'{self.name}' has {self.shape[0]} values and {len(self.labels)} labels. Give one "
                "label for each value, in their order."
            )
        return self

    @property
    def triton_type(self) -> str:
        return TRITON_TYPES[self.dtype]

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape with -1 for every dimension that may change."""
        return tuple(size if isinstance(size, int) else ANY for size in self.shape)

    @property
    def axes(self) -> tuple[Axis, ...]:
        return tuple(size for size in self.shape if isinstance(size, Axis))

    @property
    def accepted(self) -> Tolerance:
        """The tolerance given, else the default of the dtype."""
        return self.tolerance or DEFAULT_TOLERANCES.get(self.dtype, EXACT)


class Interface(Declaration):
    """All that a saved artefact needs to be called: plain data, so that another process can."""

    name: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    max_batch_size: int = Field(ge=0, description="Largest batch; 0: the model takes no batches.")

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
    def _consistent(self) -> Interface:
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SpecError(f"Model '{self.name}' names {', '.join(twice)} more than once.")
        if any(tensor.labels for tensor in self.inputs):
            raise SpecError(f"Model '{self.name}' labels an input; only outputs have labels.")
        if any(ANY in tensor.shape for tensor in self.inputs):
            raise SpecError(
                f"Model '{self.name}' has an input with -1 in its shape. Write an Axis with its "
                "bounds instead: what no one has bounded, no one can prove."
            )
        self._check_axes()
        return self

    def _check_axes(self) -> None:
        bounds: dict[str, Axis] = {}
        for axis in (axis for tensor in (*self.inputs, *self.outputs) for axis in tensor.axes):
            if bounds.setdefault(axis.name, axis) != axis:
                raise SpecError(
                    f"Model '{self.name}' gives axis '{axis.name}' two ranges; an axis has one "
                    "length in a request, so declare it once and use it in every tensor."
                )

    @property
    def batches(self) -> bool:
        return self.max_batch_size > 0

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The inputs' axes, each once, in the order in which they first stand."""
        return tuple(dict.fromkeys(axis for tensor in self.inputs for axis in tensor.axes))
