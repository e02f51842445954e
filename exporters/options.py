"""What can be chosen about a TensorRT engine. Plain data: importing this needs no TensorRT."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from exporters.errors import SpecError
from exporters.tensors import Declaration


class Range(Declaration):
    """Smallest, most common and largest size that a profile is made for."""

    min: int = Field(ge=1)
    opt: int = Field(ge=1)
    max: int = Field(ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.min <= self.opt <= self.max:
            raise SpecError(
                f"A profile's range goes from {self.min} over {self.opt} to {self.max}; write "
                "min, opt and max so that none is larger than the next."
            )
        return self


class Profile(Declaration):
    """One optimisation profile; what it leaves out comes from the model's own bounds."""

    batch: Range | None = None
    axes: Mapping[str, Range] = Field(default_factory=dict)


class TensorRTOptions(Declaration):
    """Choices of the builder, with TensorRT's own defaults."""

    profiles: tuple[Profile, ...] = Field(
        default=(Profile(),), min_length=1, description="Ranges of sizes to choose kernels for."
    )
    builder_level: int = Field(
        default=3, ge=0, le=5, description="More tactics tried, longer build."
    )
    workspace_bytes: int | None = Field(default=None, ge=1, description="None: all GPU memory.")
    version_compatible: bool = Field(
        default=False, description="Loads in later TensorRT versions, too; possibly slower."
    )
    hardware_compatible: bool = Field(
        default=False, description="Loads on Ampere and all later GPUs; possibly slower."
    )
    strip_weights: bool = Field(
        default=False, description="Engine without weights, refitted later."
    )
