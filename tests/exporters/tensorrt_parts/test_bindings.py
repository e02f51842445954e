import sys

import pytest

from exporters.errors import HostError
from exporters.tensorrt_parts.bindings import (
    Bindings,
    check_version,
    import_bindings,
    installed,
    load_bindings,
)


class Version:
    """All that is read of bindings to judge their version."""

    def __init__(self, version: str) -> None:
        self.__version__ = version


def test_rtx_is_loaded_without_a_gpu() -> None:
    assert load_bindings("rtx").version.count(".") == 3


def test_a_missing_package_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(HostError, match=r"conch\[export,tensorrt\].*--flavor rtx"):
        import_bindings("tensorrt")


def test_missing_rtx_is_refused_with_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(HostError, match=r"conch\[export,rtx\]"):
        load_bindings("rtx")


def test_a_missing_gpu_is_said_before_anyone_installs_tensorrt_in_vain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setattr("exporters.tensorrt_parts.cuda.LIBRARY", "libno-such-cuda.so.1")
    with pytest.raises(HostError, match=r"libno-such-cuda\.so\.1 cannot be loaded.*--flavor rtx"):
        load_bindings("tensorrt")


def test_an_unknown_flavor_is_refused_with_those_known() -> None:
    with pytest.raises(HostError, match="'rxt'; choose one of tensorrt, rtx"):
        import_bindings("rxt")


@pytest.mark.parametrize("version", ["10.12.0.36", "10.16.0.72", "11.0.0.114", "11.4.0.106"])
def test_supported_versions_are_taken(version: str) -> None:
    check_version(Bindings("tensorrt", Version(version)))


@pytest.mark.parametrize("version", ["8.6.1.6", "10.11.0.33", "12.0.0.1"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(HostError, match=f"TensorRT {version} is installed"):
        check_version(Bindings("tensorrt", Version(version)))


def test_what_is_installed_leaves_out_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert [bindings.flavor for bindings in installed()] == ["rtx"]
