"""The processes in which Triton runs Python backends: one for each model instance."""

from dataclasses import dataclass
from pathlib import Path

from stack.process_identity import ProcessStat, all_processes, command_line

_STUB = "triton_python_backend_stub"


@dataclass(frozen=True)
class Stub:
    """A living stub and the model it runs."""

    pid: int
    model: str


def living_stubs(server_pid: int, repository: Path) -> list[Stub]:
    """The stubs that run now."""
    stubs = (_stub(child, repository) for child in _children(server_pid) if child.alive)
    return [stub for stub in stubs if stub is not None]


def ended_children(server_pid: int) -> set[int]:
    """Children that ended and that Triton has not noticed: it never collects a crashed stub."""
    return {child.pid for child in _children(server_pid) if not child.alive}


def _children(server_pid: int) -> list[ProcessStat]:
    return [stat for stat in all_processes() if stat.parent_pid == server_pid]


def _stub(child: ProcessStat, repository: Path) -> Stub | None:
    # triton_python_backend_stub <repository>/<model>/<version>/<file> ...
    arguments = command_line(child.pid)
    if len(arguments) < 2 or Path(arguments[0]).name != _STUB:
        return None
    path = Path(arguments[1])
    if not path.is_relative_to(repository):
        return None
    return Stub(child.pid, path.relative_to(repository).parts[0])
