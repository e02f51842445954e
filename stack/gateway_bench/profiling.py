"""`--profile`: in which functions the worker spends its time, and how much is the kernel's."""

import json
import os
import signal
from pathlib import Path

from stack.gateway_bench.conch_gateway import make_records, run_conch
from stack.gateway_bench.grid import Grid
from stack.gateway_bench.load import Load
from stack.gateway_bench.measuring import Measurement, Run, measure_in_rounds
from stack.gateway_bench.pinning import Cores
from stack.gateway_bench.traffic import new_keys, traffic_of
from stack.gateway_bench.upstream import run_upstream
from stack.trial import free_ports

_PROFILED = ("-m", "stack.gateway_bench.profiled_worker")
_SHOWN = 25


def profile_worker(folder: Path, cores: Cores, *, nginx: str, seconds: int) -> Grid:
    """Put the worker under the load of small tensors, and look where it is meanwhile."""
    keys = new_keys(1)
    counts_file, state_dir = folder / "counts.json", folder / "conch"
    make_records(state_dir, keys, 1)
    load = Load(traffic_of(keys), folder / "load", cores.load)
    triton_port, port = free_ports(2)
    upstream = run_upstream(
        triton_port, program=nginx, cores=cores.load, folder=folder / "upstream"
    )
    conch = run_conch(
        "profiled",
        state_dir,
        port=port,
        triton_port=triton_port,
        cores=cores.gateway,
        program=(*_PROFILED, str(counts_file)),
    )
    with upstream, conch as server:
        run = Run("Conch", server, port, load)
        measure_in_rounds([run], rounds=0, seconds=seconds)
        os.kill(server.group, signal.SIGUSR1)
        measure_in_rounds([run], rounds=1, seconds=seconds)
    counts: dict[str, int] = json.loads(counts_file.read_text())
    return _grid(counts, run.measured[0])


def _grid(counts: dict[str, int], measured: Measurement) -> Grid:
    """Own time by function; a microsecond of it is a share of what the kernel accounted."""
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    shown, rest = ordered[:_SHOWN], ordered[_SHOWN:]
    shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
    rows = [
        (name, f"{count / total:.1%}", f"{count / total * measured.cpu_us:.1f}")
        for name, count in shown
    ]
    kernel = measured.system_us / measured.cpu_us
    title = (
        f"Where the time goes: {measured.cpu_us:.0f} µs of CPU a request, {kernel:.0%} of it in "
        f"the kernel; own time with what it calls in C, {total:,} samples"
    )
    return Grid(title, ("function", "share", "µs/request"), rows)
