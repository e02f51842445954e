"""What can be chosen about a TensorRT engine. Plain data: importing this needs no TensorRT."""

from collections.abc import Mapping

from pydantic import Field

from exporters.tensors import Declaration


class Range(Declaration):
    """Smallest, most common and largest size that a profile is made for."""

    min: int = Field(ge=1)
    opt: int = Field(ge=1)
    max: int = Field(ge=1)


class Profile(Declaration):
    """One optimisation profile; what it leaves out comes from the model's own bounds."""

    batch: Range | None = None
    axes: Mapping[str, Range] = Field(default_factory=dict)


class TensorRTOptions(Declaration):
    """Choices of the builder, with TensorRT's own defaults."""

    profiles: tuple[Profile, ...] = (Profile(),)
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
