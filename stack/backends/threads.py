"""How many threads one model instance may use: the parameter, else its share of the cores."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.backends.config import BackendError, ServedModel

_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Threads:
    """Threads inside one operator, and operators at the same time."""

    intra_op: int
    inter_op: int


def threads_for(model: ServedModel, *, cores: int) -> Threads:
    """What the parameters say; else the cores divided by the instances that share them.

    Each instance is a process of its own, so the default of torch and ONNX Runtime (all cores,
    for each) would run `instances` times too many threads. Inter-op stays 1: it helps only
    graphs with parallel branches, and those cores are better used by another request.
    """
    share = max(1, cores // max(1, model.instance_count))
    return Threads(
        intra_op=_parameter(model.parameters, "INTRA_OP_THREAD_COUNT", share),
        inter_op=_parameter(model.parameters, "INTER_OP_THREAD_COUNT", 1),
    )


def usable_cores(cpu_quota: Path = _CPU_QUOTA) -> int:
    """Cores this process may run on: its affinity, cut by a container's CPU quota."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota_us, period_us = cpu_quota.read_text().split()
    except (OSError, ValueError):
        return allowed
    if quota_us == "max":
        return allowed
    return max(1, min(allowed, int(quota_us) // int(period_us)))


def _parameter(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise BackendError(f'parameter {name} is "{text}"; it must be a whole number from 1 on.')
    return int(text)
