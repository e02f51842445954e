"""Finding a server and putting its backend directory together."""

import sys
from pathlib import Path

import pytest

from stack.errors import ServerNotFoundError
from stack.triton_command import shm_prefix, triton_command
from stack.triton_install import TritonInstall, assemble_backends, find_triton
from tests.stack.running_triton import triton_settings


def container(home: Path) -> TritonInstall:
    """A tree like NVIDIA's image."""
    for path in ("bin/tritonserver", "backends/pytorch/libtriton_pytorch.so"):
        (home / path).parent.mkdir(parents=True)
        (home / path).touch(mode=0o755)
    return TritonInstall(home / "bin/tritonserver")


def test_the_wheel_has_a_server_for_this_python() -> None:
    install = find_triton(None)
    assert install.binary.name == "tritonserver"
    assert not install.has_own_backends
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in str(install.stub)


def test_the_setting_wins(tmp_path: Path) -> None:
    install = container(tmp_path)
    assert find_triton(install.binary) == TritonInstall(install.binary.resolve())


def test_a_setting_that_is_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerNotFoundError, match=r"CONCH_TRITON_SERVER names .*nowhere"):
        find_triton(tmp_path / "nowhere")


def test_a_program_without_backends_beside_it_is_refused() -> None:
    with pytest.raises(ServerNotFoundError, match="holds neither the pytorch nor the python"):
        find_triton(Path("/bin/true"))


def test_the_backends_are_files_and_not_links(tmp_path: Path) -> None:
    backends = assemble_backends(find_triton(None), tmp_path)
    found = {str(path.relative_to(backends)) for path in backends.rglob("*") if path.is_file()}
    assert found == {
        "onnxruntime/model.py",
        "python/libtriton_python.so",
        "python/triton_python_backend_stub",
        "python/triton_python_backend_utils.py",
        "pytorch/model.py",
    }
    assert not any(path.is_symlink() for path in backends.rglob("*"))


def test_nvidias_own_backends_are_used_with_config_pbtxt(tmp_path: Path) -> None:
    install = container(tmp_path)
    settings = triton_settings(tmp_path, tmp_path)
    backends = assemble_backends(install, tmp_path)
    assert backends == tmp_path / "backends"
    arguments = triton_command(settings, install, backends, ["a"]).arguments
    assert "--model-config-name=embedded" not in arguments
    assert "--load-model=a" in arguments


def test_the_cache_can_be_turned_off(tmp_path: Path) -> None:
    settings = triton_settings(tmp_path, tmp_path, triton_cache_bytes=0)
    install = find_triton(None)
    arguments = triton_command(settings, install, tmp_path, []).arguments
    assert not any("cache-config" in argument for argument in arguments)


def test_each_state_directory_has_its_own_shared_memory(tmp_path: Path) -> None:
    assert shm_prefix(tmp_path / "a") != shm_prefix(tmp_path / "b")
    assert shm_prefix(tmp_path / "a") == shm_prefix(tmp_path / "b" / ".." / "a")
