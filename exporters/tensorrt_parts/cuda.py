"""What the NVIDIA driver says of this machine, and the memory that an engine runs in.

Talks to `libcuda.so.1` itself: the driver is all that a machine with a GPU is sure to have.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from exporters.arrays import Array
from exporters.errors import HostError

LIBRARY = "libcuda.so.1"
FIRST_DEVICE = 0
NAME_BYTES = 128
# CUdevice_attribute in cuda.h.
COMPUTE_CAPABILITY_MAJOR = 75
COMPUTE_CAPABILITY_MINOR = 76


@dataclass(frozen=True)
class Gpu:
    """The device that engines are built on."""

    name: str
    compute_capability: str
    """Like `9.0`."""


class CudaError(Exception):
    """A call of the driver failed."""


def require_gpu(why: str, *, instead: str) -> Gpu:
    """The first GPU; a `HostError` from `why` to what to do `instead` if there is none."""
    try:
        return _gpu()
    except CudaError as error:
        raise HostError(
            f"{why}, and this machine has none that can be used: {error}. Use a machine with an "
            f"NVIDIA GPU and driver, give the container its GPU (--gpus all), or {instead}."
        ) from error


def find_gpu() -> Gpu | None:
    """The first GPU, if there is one."""
    try:
        return _gpu()
    except CudaError:
        return None


@contextmanager
def context() -> Iterator[None]:
    """Makes the device's primary context current, which TensorRT shares."""
    _gpu()
    handle = ctypes.c_void_p()
    _call("cuDevicePrimaryCtxRetain", ctypes.byref(handle), FIRST_DEVICE)
    _call("cuCtxPushCurrent_v2", handle)
    try:
        yield
    finally:
        _call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))
        _call("cuDevicePrimaryCtxRelease_v2", FIRST_DEVICE)


class Buffer:
    """Device memory of a fixed size; freed by `free`."""

    def __init__(self, size_bytes: int) -> None:
        self._pointer = ctypes.c_uint64()
        # The driver refuses to allocate nothing, and an output may have no elements.
        _call("cuMemAlloc_v2", ctypes.byref(self._pointer), ctypes.c_size_t(max(1, size_bytes)))

    @property
    def address(self) -> int:
        return self._pointer.value

    def write(self, values: Array) -> None:
        if values.nbytes:
            _call("cuMemcpyHtoD_v2", self._pointer, _host(values), ctypes.c_size_t(values.nbytes))

    def read(self, into: Array) -> None:
        if into.nbytes:
            _call("cuMemcpyDtoH_v2", _host(into), self._pointer, ctypes.c_size_t(into.nbytes))

    def free(self) -> None:
        _call("cuMemFree_v2", self._pointer)


def _gpu() -> Gpu:
    _call("cuInit", 0)
    count = ctypes.c_int()
    _call("cuDeviceGetCount", ctypes.byref(count))
    if count.value == 0:
        raise CudaError("the driver knows no device")
    device, name = ctypes.c_int(), ctypes.create_string_buffer(NAME_BYTES)
    _call("cuDeviceGet", ctypes.byref(device), FIRST_DEVICE)
    _call("cuDeviceGetName", name, NAME_BYTES, device)
    major = _attribute(COMPUTE_CAPABILITY_MAJOR, device)
    minor = _attribute(COMPUTE_CAPABILITY_MINOR, device)
    return Gpu(name.value.decode(), f"{major}.{minor}")


def _attribute(attribute: int, device: ctypes.c_int) -> int:
    value = ctypes.c_int()
    _call("cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
    return value.value


def _host(values: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)


def _call(function: str, *arguments: Any) -> None:
    code = getattr(_library(), function)(*arguments)
    if code:
        raise CudaError(f"{function} failed with CUDA error {code}")


@cache
def _library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise CudaError(f"the driver's library {LIBRARY} cannot be loaded") from error
