"""BF16 for the ONNX backend: numpy has no such type, so its arrays hold the bits as uint16."""

import ctypes
from typing import Any

import numpy as np
from onnxruntime import OrtValue

# TensorProto.BFLOAT16; the onnx package itself is not needed to run a model.
_ONNX_TYPE = 16
_NAME = "tensor(bfloat16)"


def bits_of_tensor(tensor: Any) -> Any:
    """A BF16 tensor of Triton, which gives it out by DLPack only."""
    return bits_of_value(OrtValue.from_dlpack(tensor.to_dlpack()))


def bits_of_value(value: Any) -> Any:
    """A copy of the value's memory; ONNX Runtime itself offers no array of this type."""
    raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.frombuffer(raw, np.uint16).reshape(value.shape())


def to_triton(name: str, bits: Any, triton: Any) -> Any:
    """The bits as a BF16 output of Triton.

    In memory of ONNX Runtime's own, which the capsule keeps: it would not keep numpy's, and
    Triton reads it only after the response was handed over.
    """
    value = OrtValue.ortvalue_from_shape_and_type(bits.shape, _ONNX_TYPE)
    ctypes.memmove(value.data_ptr(), bits.tobytes(), bits.nbytes)
    return triton.Tensor.from_dlpack(name, value.__dlpack__())


def to_value(array: Any, *, is_bfloat16: bool) -> Any:
    """Any array as an input; the value shares the array's memory."""
    array = np.ascontiguousarray(array)
    if is_bfloat16:
        return OrtValue.ortvalue_from_numpy_with_onnx_type(array, _ONNX_TYPE)
    return OrtValue.ortvalue_from_numpy(array)


def from_value(value: Any) -> Any:
    """Any output as an array."""
    return bits_of_value(value) if value.data_type() == _NAME else value.numpy()
