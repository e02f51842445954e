"""What a finished file says about itself, before anyone is asked for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Lengths as in the file: a number, or the name of a dimension that changes.
Dims = tuple[int | str, ...]


@dataclass(frozen=True)
class Draft:
    """An input or output as the file knows it."""

    name: str
    dtype: str = ""
    """Empty where the file does not say."""

    dims: Dims | None = None
    """The batch included; None where the file does not say."""


@dataclass(frozen=True)
class Found:
    """A finished file that can be served, and what can be read from it."""

    path: Path
    format: str
    """A format's name, or `exported_program`, which is compiled by one of them."""

    inputs: tuple[Draft, ...]
    outputs: tuple[Draft, ...]
    files: tuple[Path, ...] = ()
    """Further files that it refers to, which lie beside it."""

    bounds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Least and largest length of the dimensions that change, where the file says."""

    said: str = ""
    """Where it comes from, as it says itself: `skl2onnx 1.20, opset 22`."""

    @property
    def fixed(self) -> Draft | None:
        """The first tensor whose first dimension is a number, so that it cannot be the batch."""
        for draft in (*self.inputs, *self.outputs):
            if draft.dims is not None and not (draft.dims and isinstance(draft.dims[0], str)):
                return draft
        return None

    @property
    def batch(self) -> str | None:
        """The dimension that comes first everywhere; None where it is not one, or not known."""
        if self.fixed or any(draft.dims is None for draft in self.inputs):
            return None
        firsts = {str(draft.dims[0]) for draft in self.inputs if draft.dims}
        named = {first for first in firsts if not is_unnamed(first)}
        return next(iter(named or firsts)) if len(named) < 2 else None


def unnamed(tensor: str, place: int) -> str:
    """A name for a dimension that changes and has none in the file."""
    return f"{tensor}?{place}"


def is_unnamed(dimension: str) -> bool:
    return "?" in dimension


def axis_name(dimension: str) -> str:
    """The dimension's name in a form that an Axis can have: `ids?1` -> `ids_1`."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in dimension)
    return plain if plain[:1].isalpha() or plain[:1] == "_" else f"_{plain}"
