"""What a process group costs, from the kernel's own accounting: processor time and memory."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class CpuTime:
    """Processor time so far, the part of it in the kernel told apart."""

    user_s: float
    system_s: float

    @property
    def total_s(self) -> float:
        return self.user_s + self.system_s


def group_cpu(group: int) -> CpuTime:
    """Time so far of a process group and of its children that have ended."""
    user = system = 0
    for fields in _stats(group):
        # proc_pid_stat(5): utime, stime, cutime, cstime.
        user += int(fields[11]) + int(fields[13])
        system += int(fields[12]) + int(fields[14])
    return CpuTime(user / _TICKS_PER_S, system / _TICKS_PER_S)


def group_peak_bytes(group: int) -> int:
    """Most resident memory that each process of a group has had so far, added up."""
    return sum(_peak_bytes(int(fields[-1])) for fields in _stats(group))


def _stats(group: int) -> Iterator[list[str]]:
    """The fields of each process of the group from the third on, and at the end its id."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # Ended since it was listed.
        if int(fields[2]) == group:
            yield [*fields, stat.parent.name]


def _peak_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
