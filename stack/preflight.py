"""What the machine must have before the embedded Triton is started on it.

Facts are read in one place and checked in another, so that each check is a plain function.
"""

import importlib.metadata
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.errors import PreflightError, ServerNotFoundError
from stack.process_ports import called, listen_problem, port_holder
from stack.settings import StackSettings
from stack.triton_install import find_triton, shared_libpython

_PACKAGES = ("nvidia-pytriton", "torch", "onnxruntime", "numpy")
_INSTALL = 'pip install "conch[embedded]"'
# Stubs of these versions are in the wheel, and the project is tested on them.
_PYTHON_VERSIONS = ((3, 11), (3, 12))
# Each model instance takes 1 MiB at rest and grows with its largest batch.
_SHM_NEEDED_BYTES = 64 * 1024 * 1024
_SHARED_MEMORY = "/dev/shm"
# What no shell takes for anything but itself.
_SHELL_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and what to do if it is not as needed."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


@dataclass(frozen=True)
class Machine:
    """The facts that the checks need."""

    system: str
    architecture: str
    python_version: tuple[int, int]
    libpython: Path | None
    package_versions: Mapping[str, str]
    shm_free_bytes: int
    ports: Mapping[str, int]
    port_holders: Mapping[int, str | None]
    shell_paths: Mapping[str, Path]
    orphans: Sequence[str]
    server: Path | None
    server_problem: str
    server_has_own_backends: bool


def check_machine(
    settings: StackSettings, ports: Mapping[str, int], orphans: Sequence[int] = ()
) -> list[Check]:
    """Every check on this machine, in the order in which to mend things.

    `ports` must be free, by the setting that names each; none for a stack that holds its own.
    `orphans` are processes that the next start will end, with the ports they hold.
    """
    return checks(read_machine(settings, ports, orphans))


def require(results: Sequence[Check]) -> None:
    """Raise PreflightError for the first check that failed."""
    for check in results:
        if not check.ok:
            raise PreflightError(f"{check.detail} {check.cure}".rstrip())


def read_machine(
    settings: StackSettings, ports: Mapping[str, int], orphans: Sequence[int] = ()
) -> Machine:
    """Look at this machine."""
    install, problem = None, ""
    try:
        install = find_triton(settings.triton_server)
    except ServerNotFoundError as error:
        problem = str(error)
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        python_version=sys.version_info[:2],
        libpython=shared_libpython(),
        package_versions=dict(_installed_packages()),
        shm_free_bytes=_shm_free_bytes(),
        ports=ports,
        port_holders={port: port_holder(port, but_not=orphans) for port in ports.values()},
        shell_paths={
            "CONCH_MODEL_REPOSITORY": settings.model_repository.resolve(),
            "CONCH_STATE_DIR": settings.state_dir.resolve(),
        },
        orphans=[called(pid) for pid in orphans],
        server=install.binary if install else None,
        server_problem=problem,
        server_has_own_backends=install.has_own_backends if install else False,
    )


def checks(machine: Machine) -> list[Check]:
    """Judge the facts. A server that brings its own backends needs nothing of this Python."""
    results = [_platform(machine)]
    if not machine.server_has_own_backends:
        results += [_python(machine), _libpython(machine), _packages(machine), _numpy(machine)]
        results += [_shell_paths(machine)]
    return [
        *results,
        _server(machine),
        _shared_memory(machine),
        _orphans(machine),
        check_ports(machine.ports, machine.port_holders),
    ]


def check_hosts(hosts: Mapping[str, str]) -> Check:
    """`hosts` by the setting that names each; each must be an address of this machine."""
    for setting, host in hosts.items():
        if problem := listen_problem(host):
            return Check(
                "addresses",
                False,
                f"{setting} is {host}, where nothing can listen on this machine: {problem}.",
                "127.0.0.1 is for this machine alone, 0.0.0.0 for every address it has.",
            )
    return Check("addresses", True, f"Of this machine: {', '.join(sorted({*hosts.values()}))}.")


def check_ports(ports: Mapping[str, int], holders: Mapping[int, str | None]) -> Check:
    """`ports` by the setting that names each; every one must be free and wanted only once."""
    if not ports:
        return Check("ports", True, "Held by the stack that runs.")
    wanted: dict[int, str] = {}
    for setting, port in ports.items():
        if port in wanted:
            both = f"{wanted[port]} and {setting} are both {port}."
            return Check("ports", False, both, "Give each a port of its own.")
        if holder := holders[port]:
            held = f"Port {port} is held by {holder}."
            return Check("ports", False, held, f"Stop it, or choose another port with {setting}.")
        wanted[port] = setting
    return Check("ports", True, f"Free: {', '.join(map(str, wanted))}.")


def _platform(machine: Machine) -> Check:
    found = f"{machine.system} {machine.architecture}"
    return Check(
        "platform",
        found == "Linux x86_64",
        f"The embedded Triton server is built for Linux x86_64; this is {found}.",
        "Use `docker compose up`, which runs NVIDIA's container instead.",
    )


def _python(machine: Machine) -> Check:
    major, minor = machine.python_version
    return Check(
        "python",
        machine.python_version in _PYTHON_VERSIONS,
        f"The embedded Triton runs models with Python 3.11 or 3.12; this is {major}.{minor}.",
        "Make a virtual environment with one of those.",
    )


def _libpython(machine: Machine) -> Check:
    if machine.libpython is not None:
        return Check("libpython", True, f"The shared libpython is {machine.libpython}.")
    major, minor = machine.python_version
    return Check(
        "libpython",
        False,
        f"This Python {major}.{minor} has no shared libpython, which Triton's stubs load.",
        f"Install it (Debian, Ubuntu: `apt install libpython{major}.{minor}`), or use a Python "
        "built with --enable-shared (pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared).",
    )


def _packages(machine: Machine) -> Check:
    missing = [name for name in _PACKAGES if name not in machine.package_versions]
    if missing:
        return Check(
            "packages", False, f"Not installed: {', '.join(missing)}.", f"Run `{_INSTALL}`."
        )
    found = ", ".join(f"{name} {machine.package_versions[name]}" for name in _PACKAGES)
    return Check("packages", True, f"Installed: {found}.")


def _numpy(machine: Machine) -> Check:
    version = machine.package_versions.get("numpy", "0")
    return Check(
        "numpy",
        int(version.partition(".")[0]) < 2,
        f"numpy is {version}; with numpy 2 or later the embedded Triton returns empty outputs.",
        'Run `pip install "numpy<2"`.',
    )


def _shell_paths(machine: Machine) -> Check:
    """Triton starts the process of each model with `bash -c`, and quotes nothing."""
    for setting, path in machine.shell_paths.items():
        if found := _SHELL_SPECIAL.search(str(path)):
            return Check(
                "paths",
                False,
                f'{setting} is {path}, and Triton passes that to a shell, to which "{found[0]}" is '
                "no plain character: no model could be loaded.",
                f"Move the folder, or name another with {setting}.",
            )
    found_paths = ", ".join(map(str, machine.shell_paths.values()))
    return Check("paths", True, f"Plain to a shell: {found_paths}.")


def _server(machine: Machine) -> Check:
    return Check(
        "tritonserver",
        machine.server is not None,
        f"The Triton server is {machine.server}." if machine.server else machine.server_problem,
    )


def _shared_memory(machine: Machine) -> Check:
    free_mib, needed_mib = machine.shm_free_bytes >> 20, _SHM_NEEDED_BYTES >> 20
    return Check(
        "shared memory",
        machine.shm_free_bytes >= _SHM_NEEDED_BYTES,
        f"{_SHARED_MEMORY} has {free_mib} MiB free; models exchange tensors there, and "
        f"{needed_mib} MiB are the least.",
        f"Delete what fills it, or enlarge it: `mount -o remount,size=1g {_SHARED_MEMORY}`, in a "
        "container `docker run --shm-size=1g`.",
    )


def _orphans(machine: Machine) -> Check:
    if not machine.orphans:
        return Check("left over", True, "No process is left of an earlier run.")
    left = ", ".join(machine.orphans)
    return Check(
        "left over", True, f"Of an earlier run that was killed: {left}; the next start ends them."
    )


def _installed_packages() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _shm_free_bytes() -> int:
    try:
        return shutil.disk_usage(_SHARED_MEMORY).free
    except OSError:
        return 0
