"""`make bench-gateway`: what the data plane costs beside nginx and Python proxies, in one run.

The gateway under test has a core to itself; wrk and an upstream of unchanging answers share the
second. Every contender has a turn in each round, so that a drift of the machine falls on all.
Timings never fail it; a request that fails does.
"""

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from stack.errors import TrialError, UsageError
from stack.gateway_bench.load import require_wrk
from stack.gateway_bench.measuring import Run, measure_in_rounds
from stack.gateway_bench.nginx import require_nginx
from stack.gateway_bench.pinning import Cores, choose_cores
from stack.gateway_bench.profiling import profile_worker
from stack.gateway_bench.report import as_json, conditions, tables
from stack.gateway_bench.sections import SECTIONS, Stand
from stack.gateway_bench.traffic import LARGE_FLOATS
from stack.gateway_bench.upstream import run_upstream
from stack.trial import free_ports

# Enough for some thousand samples.
_PROFILE_S = 10

Results = dict[str, list[Run]]


def main() -> int:
    """Run the benchmark, print its tables; 1: a request failed, 2: a tool is missing."""
    given = _arguments()
    # As an exception it also ends the servers.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    console = Console()
    try:
        require_wrk()
        require_nginx()
        cores = choose_cores()
        if given.profile:
            _profile(cores, console)
            return 0
        results = _run_all(given, cores, console)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except TrialError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _show(results, given, cores, console)
    return 0


def _run_all(given: argparse.Namespace, cores: Cores, console: Console) -> Results:
    results = {}
    with tempfile.TemporaryDirectory(prefix="conch-bench-") as name:
        for section in given.only or SECTIONS:
            with console.status(f"{section}: {given.rounds} rounds"):
                results[section] = _run_section(section, given, cores, Path(name))
    return results


def _run_section(section: str, given: argparse.Namespace, cores: Cores, folder: Path) -> list[Run]:
    (port,) = free_ports(1)
    place = folder / section
    upstream = run_upstream(
        port, cores=cores.load, folder=place / "upstream", large_floats=LARGE_FLOATS
    )
    with upstream as server, SECTIONS[section](Stand(place, cores, server)) as runs:
        measure_in_rounds(runs, rounds=given.rounds, seconds=given.seconds)
    return runs


def _profile(cores: Cores, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="conch-bench-") as name:
        grid = profile_worker(Path(name), cores, seconds=_PROFILE_S)
    console.print(grid.for_terminal())


def _show(results: Results, given: argparse.Namespace, cores: Cores, console: Console) -> None:
    said = conditions(cores, rounds=given.rounds, seconds=given.seconds)
    console.print(said)
    for table in tables(results):
        console.print()
        console.print(table.for_terminal())
    if given.json:
        given.json.write_text(json.dumps(as_json(results, said), indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-gateway ARGS=",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=4, help="turns of every contender")
    parser.add_argument("--seconds", type=int, default=2, help="length of one load")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="this part; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures of all rounds")
    parser.add_argument(
        "--profile", action="store_true", help="instead: in which functions the worker spends time"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
