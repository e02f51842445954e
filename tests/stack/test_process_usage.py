"""What a process group costs, read from the kernel."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stack.process_usage import group_cpu, group_peak_bytes
from tests.waiting import wait_until

# A parent that waits, and a child that computes until it is told to end.
BUSY_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
child.wait()
"""


def test_the_time_of_every_process_of_the_group_counts() -> None:
    busy = subprocess.Popen([sys.executable, "-c", BUSY_CHILD], start_new_session=True)
    try:
        wait_until(lambda: group_cpu(busy.pid).total_s > 0.5)
        own_times = Path(f"/proc/{busy.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        assert sum(map(int, own_times)) / os.sysconf("SC_CLK_TCK") < 0.4
    finally:
        os.killpg(busy.pid, signal.SIGKILL)
        busy.wait()


def test_peak_memory_is_that_of_the_processes_of_the_group() -> None:
    hold = "import sys; kept = b'x' * 50_000_000; print(len(kept), flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    assert 50_000_000 < group_peak_bytes(holder.pid) < 80_000_000
    holder.communicate()
    assert group_peak_bytes(holder.pid) == 0
