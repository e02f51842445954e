"""`make bench`: the gateway against direct Triton, turn by turn in one run, on this machine.

Direct and gateway runs alternate, so that a drift of the machine's speed falls on both; the
figure to quote is the ratio. CPU is user + system time of all processes of the gateway's data plane
over the requests they answered, from the kernel's own accounting.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.traffic import KEY_VARIABLE
from stack.errors import TrialError
from stack.process_usage import group_cpu
from stack.settings import StackSettings
from stack.trial import TrialStack

# DESIGN.md's aims for the first version; printed beside the figures, never asserted.
_AIM_RATIO = 0.75
_AIM_CPU_US = 80.0


@dataclass(frozen=True)
class Round:
    """One turn: the same load first on Triton, then through the gateway."""

    direct_per_second: float
    gateway_per_second: float
    direct_p50_ms: float
    gateway_p50_ms: float
    gateway_cpu_us: float

    @property
    def ratio(self) -> float:
        """Throughput through the gateway over direct throughput."""
        return self.gateway_per_second / self.direct_per_second


def main() -> int:
    """Run the benchmark and print the table; exits 1 only when the load itself failed."""
    given = _arguments()
    # As an exception it also ends the stack and the load.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="conch-bench-") as folder:
        stack = TrialStack(Path(folder), model_repository=StackSettings().model_repository)
        try:
            stack.start()
            rounds = _rounds(stack, given)
        except TrialError as error:
            sys.exit(str(error))
        finally:
            stack.stop()
    Console().print(_report(rounds, given))
    return 0


def _rounds(stack: TrialStack, given: argparse.Namespace) -> list[Round]:
    made = stack.conch("keys", "create", "--tenant", "bench", "--rate", "1000000/s", "--json")
    key = json.loads(made.stdout)["key"]
    group = _gateway_group(stack)
    _load(stack.url, given, key)  # warm-up, not counted
    rounds = []
    for _ in range(given.rounds):
        direct = _load(stack.triton_url, given, None)
        before_s = group_cpu(group).total_s
        through = _load(stack.url, given, key)
        cpu_us = (group_cpu(group).total_s - before_s) * 1e6 / through["requests"]
        rounds.append(
            Round(
                direct["per_second"],
                through["per_second"],
                direct["p50_ms"],
                through["p50_ms"],
                cpu_us,
            )
        )
    return rounds


def _load(url: str, given: argparse.Namespace, key: str | None) -> dict[str, float]:
    command = [sys.executable, "-m", "loadtest.closed_loop", "--url", url, "--model", given.model]
    command += ["--connections", str(given.connections), "--seconds", str(given.seconds)]
    environment = os.environ | {KEY_VARIABLE: key or ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"The load on {url} failed: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, float] = json.loads(done.stdout)
    if result["errors"]:
        sys.exit(f"{result['errors']} of {result['requests']} requests to {url} failed.")
    return result


def _gateway_group(stack: TrialStack) -> int:
    """The process group of the data plane; its number is that of the process it began with."""
    recorded = json.loads((stack.state_dir / "processes" / "gateway.json").read_text())
    return int(recorded["pid"])


def _report(rounds: list[Round], given: argparse.Namespace) -> Table:
    title = (
        f"{given.model}, batch 1, binary, {given.connections} connections, "
        f"{given.rounds} rounds of {given.seconds:g} s; {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; generator on the same cores"
    )
    table = Table(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("")
    for heading in ("MEDIAN", "LOWEST", "HIGHEST", "AIM"):
        table.add_column(heading, justify="right")
    rows = [
        ("direct Triton, req/s", [r.direct_per_second for r in rounds], "{:.0f}", ""),
        ("through the gateway, req/s", [r.gateway_per_second for r in rounds], "{:.0f}", ""),
        ("gateway / direct", [r.ratio for r in rounds], "{:.2f}", f">= {_AIM_RATIO}"),
        (
            "gateway CPU, µs a request",
            [r.gateway_cpu_us for r in rounds],
            "{:.0f}",
            f"< {_AIM_CPU_US:g}",
        ),
        ("direct p50, ms", [r.direct_p50_ms for r in rounds], "{:.2f}", ""),
        ("through the gateway p50, ms", [r.gateway_p50_ms for r in rounds], "{:.2f}", ""),
    ]
    for name, values, form, aim in rows:
        figures = (statistics.median(values), min(values), max(values))
        table.add_row(name, *(form.format(figure) for figure in figures), aim)
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--model", default="mnist_mlp", help="model to call")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one load")
    parser.add_argument("--rounds", type=int, default=5, help="turns of direct and gateway")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
