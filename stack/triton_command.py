"""The command line that the embedded Triton is started with."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from stack.process import Command
from stack.settings import StackSettings
from stack.triton_install import TritonInstall, server_environment

LOOPBACK = "127.0.0.1"


def triton_command(
    settings: StackSettings, install: TritonInstall, backends: Path, models: Sequence[str]
) -> Command:
    """Explicit model control, on loopback, with every model named.

    The models are named here rather than loaded afterwards because Triton opens its ports only
    when they are loaded: in front of it a starting server is a refused connection, never a 404.
    """
    repository = settings.model_repository.resolve()
    arguments = [
        str(install.binary),
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        "--disable-auto-complete-config",
        # A broken model must not keep the others from serving.
        "--exit-on-error=false",
        # Nor make the whole server not ready.
        "--strict-readiness=false",
        f"--exit-timeout-secs={settings.triton_exit_timeout_s}",
        f"--http-address={LOOPBACK}",
        f"--http-port={settings.triton_http_port}",
        f"--grpc-address={LOOPBACK}",
        f"--grpc-port={settings.triton_grpc_port}",
        f"--metrics-address={LOOPBACK}",
        f"--metrics-port={settings.triton_metrics_port}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix(settings.state_dir)}",
        *_cache_arguments(settings, install),
        *(f"--load-model={name}" for name in models),
    ]
    if not install.has_own_backends:
        arguments.append("--model-config-name=embedded")
    directory = settings.state_dir.resolve() / "triton"
    return Command("triton", arguments, server_environment(install), directory)


def shm_prefix(state_dir: Path) -> str:
    """Start of the names of our files in /dev/shm; another state directory has another."""
    digest = hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()
    return f"conch-{digest[:12]}-"


def _cache_arguments(settings: StackSettings, install: TritonInstall) -> list[str]:
    if settings.triton_cache_bytes == 0:
        return []
    return [
        f"--cache-config=local,size={settings.triton_cache_bytes}",
        f"--cache-directory={install.home / 'caches'}",
    ]
