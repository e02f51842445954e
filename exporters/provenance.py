"""Where an artefact comes from: declaration, host and commit, as JSON for its manifest."""

import os
import platform
import subprocess
from typing import Any

from exporters.spec import Checkpoint, ModelSpec

_CALLABLES = frozenset({"build", "samples", "answers"})


def declaration(spec: ModelSpec) -> dict[str, Any]:
    """The spec without its samples; a callable by the name that it can be found under."""
    declared: dict[str, Any] = spec.model_dump(mode="json", exclude=set(_CALLABLES))
    declared["build"] = (
        spec.build.model_dump(mode="json")
        if isinstance(spec.build, Checkpoint)
        else f"{spec.build.__module__}:{getattr(spec.build, '__qualname__', repr(spec.build))}"
    )
    return declared


def host() -> dict[str, str]:
    """The machine, as far as it decides about artefacts and timings."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
    }


def git_commit() -> str:
    """Commit of the working directory, marked when files differ from it; empty outside of git."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return ""
    return f"{commit}-dirty" if _git("status", "--porcelain") else commit


def _git(*arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            names = [line.partition(":")[2].strip() for line in cpuinfo if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor()
