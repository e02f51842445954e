"""Values of every element type that Triton has: random ones, and their bytes on the wire."""

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtest.errors import OptionError

Values = npt.NDArray[Any]

# Whole numbers are 0 or 1, which an index and a length may be too; UINT8 is pixels.
_WHOLE = {
    "BOOL": (np.bool_, 1),
    "INT8": (np.int8, 1),
    "INT16": (np.int16, 1),
    "INT32": (np.int32, 1),
    "INT64": (np.int64, 1),
    "UINT8": (np.uint8, 255),
    "UINT16": (np.uint16, 1),
    "UINT32": (np.uint32, 1),
    "UINT64": (np.uint64, 1),
}
# numpy has no BF16: its values are kept as FP32, of which it is the upper half.
_FLOATS = {"FP16": np.float16, "BF16": np.float32, "FP32": np.float32, "FP64": np.float64}
_WORDS = ("a", "conch", "is", "blown", "to", "calm", "the", "waves", "of", "traffic")
_WORDS_IN_TEXT = 8

DATATYPES = (*_WHOLE, *_FLOATS, "BYTES")


def random_values(datatype: str, shape: Iterable[int], rng: np.random.Generator) -> Values:
    """Seeded values: floats from 0 to 1, whole numbers 0 or 1, pixels, texts of a few words."""
    sizes = tuple(shape)
    if datatype in _FLOATS:
        return rng.random(sizes, dtype=np.float32).astype(_FLOATS[datatype])
    if datatype in _WHOLE:
        kind, largest = _WHOLE[datatype]
        return rng.integers(0, largest, sizes, dtype=np.uint8, endpoint=True).astype(kind)
    check_datatype(datatype)
    texts = np.empty(sizes, dtype=np.object_)
    for position in np.ndindex(sizes):
        texts[position] = " ".join(rng.choice(_WORDS, _WORDS_IN_TEXT)).encode()
    return texts


def wire_bytes(datatype: str, values: Values) -> bytes:
    """The values as Triton's binary tensors hold them: row by row, little end first."""
    check_datatype(datatype)
    if datatype == "BYTES":
        return b"".join(_length_and_bytes(element) for element in values.flat)
    if datatype == "BF16":
        return _bf16(values.astype("<f4"))
    kind: Any = _FLOATS[datatype] if datatype in _FLOATS else _WHOLE[datatype][0]
    return values.astype(np.dtype(kind).newbyteorder("<"), copy=False).tobytes()


def check_datatype(datatype: str) -> None:
    """Raise OptionError for a type that Triton does not have."""
    if datatype not in DATATYPES:
        raise OptionError(
            f"No values can be made of type {datatype}; known are {', '.join(DATATYPES)}."
        )


def as_text(element: Any) -> str:
    """One element of BYTES for JSON."""
    return element.decode(errors="replace") if isinstance(element, bytes) else str(element)


def _length_and_bytes(element: Any) -> bytes:
    content = element if isinstance(element, bytes) else str(element).encode()
    return struct.pack("<I", len(content)) + content


def _bf16(values: Values) -> bytes:
    bits = values.view("<u4")
    # To the nearest; of two as near, to the even one.
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype("<u2").tobytes()
