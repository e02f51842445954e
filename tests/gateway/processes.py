"""Real processes for tests: NVIDIA's server with small models, a worker, an admin plane."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack.trial import free_ports
from tests.gateway.triton_models import write_models

PATIENCE_S = 30.0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    return free_ports(1)[0]


@dataclass
class TritonProcess:
    """NVIDIA's server on loopback, serving the models of triton_models.py."""

    directory: Path
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] = field(init=False)

    def prepare(self) -> None:
        """Write its backends and models."""
        server = _triton_server()
        backend = self.directory / "backends" / "python"
        shutil.copytree(server / "backends" / "python", backend)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        for file in (server / "python_backend_stubs" / version).iterdir():
            shutil.copy(file, backend)
        write_models(self.directory / "models")

    def start(self, *models: str) -> None:
        """Start with these models, or all, and wait until they are ready."""
        server = _triton_server()
        libraries = server.parents[1] / "nvidia_pytriton.libs"
        environment = os.environ | {
            "LD_LIBRARY_PATH": f"{sysconfig.get_config_var('LIBDIR')}:{libraries}",
            "VIRTUAL_ENV": sys.prefix,
            "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        }
        command = [
            str(server / "bin" / "tritonserver"),
            f"--model-repository={self.directory / 'models'}",
            f"--backend-directory={self.directory / 'backends'}",
            "--http-address=127.0.0.1",
            f"--http-port={self.port}",
            "--allow-grpc=false",
            "--allow-metrics=false",
            "--model-control-mode=explicit",
            *(f"--load-model={model}" for model in models or ("*",)),
            # The model `told` shows them.
            "--http-header-forward-pattern=.*",
            "--disable-auto-complete-config",
            "--exit-timeout-secs=2",
        ]
        with (self.directory / "log").open("a") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_for(f"http://127.0.0.1:{self.port}/v2/health/ready", self.process)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and wait until it has ended."""
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)


@contextmanager
def real_triton(directory: Path) -> Iterator[int]:
    """A TritonProcess with all models; yields its HTTP port."""
    triton = TritonProcess(directory)
    triton.prepare()
    triton.start()
    try:
        yield triton.port
    finally:
        triton.stop()


def _triton_server() -> Path:
    import pytriton

    return Path(pytriton.__file__).parent / "tritonserver"


@dataclass
class GatewayProcess:
    """`python -m MODULE` with settings of its own."""

    module: str
    settings: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONCH_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            env=kept | self.settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_listening(self, port: int) -> None:
        wait_for(f"http://127.0.0.1:{port}/", self.process)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.outcome()

    def outcome(self) -> tuple[int, str, str]:
        """Of a process that ends by itself."""
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, output, errors


def wait_for(url: str, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Any answer will do, except that a model must be ready."""
    end_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < end_s:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except urllib.error.HTTPError as error:
            error.close()
            if not url.endswith("/ready"):
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"{url} did not answer")
