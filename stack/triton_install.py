"""Finds a tritonserver and puts together the backend directory it is started with."""

import importlib.util
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from stack.errors import ServerNotFoundError

_CONTAINER_HOME = Path("/opt/tritonserver")
_OWN_BACKENDS = Path(__file__).parent / "backends"
_STUB = "triton_python_backend_stub"


@dataclass(frozen=True)
class TritonInstall:
    """One tritonserver and what lies beside it."""

    binary: Path

    @property
    def home(self) -> Path:
        """The folder that holds bin/, backends/ and caches/."""
        return self.binary.parent.parent

    @property
    def has_own_backends(self) -> bool:
        """True for NVIDIA's container: its C++ backends run the models, ours are not needed."""
        return (self.home / "backends/pytorch/libtriton_pytorch.so").exists()

    @property
    def stub(self) -> Path:
        """The program that runs Python backends; the wheel has one for each Python version."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        by_version = self.home / "python_backend_stubs" / version / _STUB
        return by_version if by_version.exists() else self.home / "backends/python" / _STUB

    @property
    def wheel_libraries(self) -> Path:
        """Shared libraries the wheel brings along; the stub needs them too."""
        return self.home.parent.parent / "nvidia_pytriton.libs"


def find_triton(setting: Path | None) -> TritonInstall:
    """The server of the setting, else of NVIDIA's container, else of the nvidia-pytriton wheel."""
    if setting is not None:
        return _from_setting(setting)
    container = _CONTAINER_HOME / "bin/tritonserver"
    if container.exists():
        return TritonInstall(container)
    wheel = _wheel_binary()
    if wheel is not None:
        return TritonInstall(wheel)
    raise ServerNotFoundError(
        "There is no Triton server: CONCH_TRITON_SERVER is not set, "
        f"{container} does not exist, and nvidia-pytriton is not installed. "
        'Run `pip install "conch[embedded]"`, or use docker compose.'
    )


def assemble_backends(install: TritonInstall, state_dir: Path) -> Path:
    """The backend directory: NVIDIA's own, else one built from the wheel's parts and our code.

    Files are copied: the server refuses a library that a link leads out of the directory.
    """
    if install.has_own_backends:
        return install.home / "backends"
    target = state_dir / "triton" / "backends"
    shutil.rmtree(target, ignore_errors=True)
    python = target / "python"
    shutil.copytree(
        install.home / "backends/python", python, ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy2(install.stub, python / _STUB)
    for entry in sorted(_OWN_BACKENDS.glob("*/model.py")):
        (target / entry.parent.name).mkdir()
        shutil.copy2(entry, target / entry.parent.name / "model.py")
    return target


def server_environment(install: TritonInstall) -> dict[str, str]:
    """This process's environment, so that the stub runs this interpreter with its packages."""
    environment = dict(os.environ)
    libpython = shared_libpython()
    libraries = [libpython.parent] if libpython else []
    environment["LD_LIBRARY_PATH"] = _joined(
        [*libraries, install.wheel_libraries], environment.get("LD_LIBRARY_PATH")
    )
    environment["PATH"] = _joined([Path(sys.executable).parent], environment.get("PATH"))
    # Idle OpenMP threads would spin on the cores that Triton needs: on two shared cores a small
    # model served 2,500 requests a second with the default and 8,500 with this.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.prefix != sys.base_prefix:
        environment["VIRTUAL_ENV"] = sys.prefix
    return environment


def shared_libpython() -> Path | None:
    """The interpreter's shared library, which the stub is linked against; None if it has none."""
    name = sysconfig.get_config_var("INSTSONAME") or ""
    if ".so" not in name:
        return None
    library_dir = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    for folder in (library_dir, library_dir / multiarch, Path(sys.base_prefix) / "lib"):
        if (folder / name).exists():
            return folder / name
    return None


def _from_setting(setting: Path) -> TritonInstall:
    binary = setting.resolve()
    if not os.access(binary, os.X_OK) or binary.is_dir():
        raise ServerNotFoundError(
            f"CONCH_TRITON_SERVER names {setting}, and that is no program that can be run. Name "
            "the tritonserver binary itself, or unset it to use the one of nvidia-pytriton."
        )
    install = TritonInstall(binary)
    if not install.has_own_backends and not install.stub.exists():
        raise ServerNotFoundError(
            f"CONCH_TRITON_SERVER names {setting}, and {install.home / 'backends'} holds neither "
            "the pytorch nor the python backend. Name the tritonserver of a whole installation, "
            "or unset it to use the one of nvidia-pytriton."
        )
    return install


def _wheel_binary() -> Path | None:
    # find_spec and not an import: pytriton itself loads much that is not needed here.
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / "tritonserver/bin/tritonserver"
    return binary if binary.exists() else None


def _joined(folders: list[Path], inherited: str | None) -> str:
    return ":".join([*map(str, folders), *([inherited] if inherited else [])])
