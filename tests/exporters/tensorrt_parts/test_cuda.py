import ctypes
from typing import Any

import numpy as np
import pytest

from exporters.errors import HostError
from exporters.tensorrt_parts import cuda


class Driver:
    """The driver of a machine with so many H100; it keeps what is allocated in host memory."""

    def __init__(self, *, devices: int = 1, status: int = 0) -> None:
        self.devices = devices
        self.status = status
        self.memory: dict[int, Any] = {}

    def cuInit(self, flags: int) -> int:
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.devices
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:
        device._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        name.value = b"NVIDIA H100 80GB HBM3"
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:
        value._obj.value = {75: 9, 76: 0}[attribute]
        return 0

    def cuMemAlloc_v2(self, pointer: Any, size: Any) -> int:
        block = (ctypes.c_byte * size.value)()
        pointer._obj.value = ctypes.addressof(block)
        self.memory[pointer._obj.value] = block
        return 0

    def cuMemcpyHtoD_v2(self, pointer: Any, host: Any, size: Any) -> int:
        ctypes.memmove(pointer.value, host.value, size.value)
        return 0

    def cuMemcpyDtoH_v2(self, host: Any, pointer: Any, size: Any) -> int:
        ctypes.memmove(host.value, pointer.value, size.value)
        return 0

    def cuMemFree_v2(self, pointer: Any) -> int:
        del self.memory[pointer.value]
        return 0


def use(monkeypatch: pytest.MonkeyPatch, driver: Driver) -> None:
    monkeypatch.setattr(cuda, "_library", lambda: driver)


def test_the_first_gpu_has_a_name_and_a_compute_capability(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, Driver())
    assert cuda.find_gpu() == cuda.Gpu("NVIDIA H100 80GB HBM3", "9.0")


def test_a_driver_without_a_device_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Driver(devices=0))
    with pytest.raises(
        HostError, match=r"A reason, .* the driver knows no device\..* or do without"
    ):
        cuda.require_gpu("A reason", instead="do without")


def test_the_drivers_own_error_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Driver(status=100))
    with pytest.raises(HostError, match="cuInit failed with CUDA error 100"):
        cuda.require_gpu("A reason", instead="do without")


def test_a_machine_without_the_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "LIBRARY", "libno-such-cuda.so.1")
    assert cuda.find_gpu() is None


def test_a_buffer_gives_back_what_was_written_and_then_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver()
    use(monkeypatch, driver)
    values = np.arange(6, dtype=np.float32)
    buffer = cuda.Buffer(values.nbytes)
    buffer.write(values)
    back = np.zeros_like(values)
    buffer.read(back)
    assert back.tolist() == values.tolist()
    buffer.free()
    assert driver.memory == {}


def test_nothing_can_be_written_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Driver())
    nothing = np.empty((0, 4), dtype=np.float32)
    buffer = cuda.Buffer(nothing.nbytes)
    buffer.write(nothing)
    buffer.read(nothing)
    assert buffer.address
