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
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from stack.errors import TrialError, UsageError
from stack.gateway_bench.conch_gateway import require_compiled
from stack.gateway_bench.grid import Grid
from stack.gateway_bench.load import require_wrk
from stack.gateway_bench.measuring import Run, measure_in_rounds
from stack.gateway_bench.nginx import require_nginx
from stack.gateway_bench.pinning import Cores, choose_cores
from stack.gateway_bench.profiling import profile_worker
from stack.gateway_bench.report import as_json, conditions, tables
from stack.gateway_bench.sections import SECTIONS, Stand
from stack.gateway_bench.upstream import run_upstream
from stack.reference import ROOT, with_part
from stack.trial import free_ports

PAGE = ROOT / "docs" / "gateway_performance.md"
# Enough for some thousand samples.
_PROFILE_S = 10
# Narrower, the tables break their figures over lines.
_MIN_COLUMNS = 120

Results = dict[str, list[Run]]


def main() -> int:
    """Run the benchmark, print its tables; 1: a request failed, 2: a tool is missing."""
    given = _arguments()
    # As an exception it also ends the servers.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    console = Console(width=max(Console().width, _MIN_COLUMNS))
    try:
        require_wrk()
        nginx = require_nginx(given.nginx)
        with tempfile.TemporaryDirectory(prefix="conch-bench-") as folder:
            measure = _profile if given.profile else _compare
            measure(given, nginx, Path(folder), console)
    except (UsageError, TrialError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _compare(given: argparse.Namespace, nginx: str, folder: Path, console: Console) -> None:
    cores = choose_cores()
    results: Results = {}
    for section in given.only or SECTIONS:
        with console.status(f"{section}: {given.rounds} rounds"):
            results[section] = _run_section(section, given, nginx, cores, folder / section)
    said = conditions(
        nginx,
        cores,
        is_compiled=not given.interpreted,
        rounds=given.rounds,
        seconds=given.seconds,
    )
    console.print(said, soft_wrap=True)
    grids = tables(results)
    _print(grids, console)
    if given.json:
        given.json.write_text(json.dumps(as_json(results, said), indent=2) + "\n")
    if given.page:
        _write_page("figures", "\n\n".join([f"{said}.", *(grid.for_page() for grid in grids)]))


def _run_section(
    section: str, given: argparse.Namespace, nginx: str, cores: Cores, folder: Path
) -> list[Run]:
    (port,) = free_ports(1)
    upstream = run_upstream(port, program=nginx, cores=cores.load, folder=folder / "upstream")
    with (
        upstream as server,
        SECTIONS[section](Stand(folder, cores, server, nginx, _code(given))) as runs,
    ):
        measure_in_rounds(runs, rounds=given.rounds, seconds=given.seconds)
    return runs


def _code(given: argparse.Namespace) -> Path:
    return ROOT if given.interpreted else require_compiled()


def _profile(given: argparse.Namespace, nginx: str, folder: Path, console: Console) -> None:
    with console.status("the worker at work"):
        grid = profile_worker(folder, choose_cores(), nginx=nginx, seconds=_PROFILE_S)
    _print([grid], console)
    if given.page:
        _write_page("profile", grid.for_page())


def _print(grids: Iterable[Grid], console: Console) -> None:
    for grid in grids:
        console.print()
        console.print(grid.for_terminal())


def _write_page(part: str, content: str) -> None:
    PAGE.write_text(with_part(PAGE.read_text(), part, content))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-gateway ARGS=",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=4, help="turns of every contender")
    parser.add_argument(
        "--seconds", type=int, default=2, help="length of one load, in whole seconds"
    )
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="this part; may be repeated"
    )
    parser.add_argument(
        "--nginx", metavar="PROGRAM", help="another nginx than the one of the wheel"
    )
    parser.add_argument(
        "--interpreted", action="store_true", help="the gateway's sources as they are, not compiled"
    )
    parser.add_argument(
        "--profile", action="store_true", help="instead: in which functions the worker spends time"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures of all rounds")
    parser.add_argument(
        "--page", action="store_true", help=f"also write the tables into {PAGE.relative_to(ROOT)}"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
