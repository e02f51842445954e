"""The speed of the load generator itself, against Locust's own users, in one run.

Each sends a tensor of 600 kB again and again to the same server, in turns. Absolute figures are
this machine's; the ratios are the message.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.generator_process import Generators
from loadtest.results import Load, Loop
from loadtest.traffic import ModelShare, Traffic

_AIM_OF_JSON = 5.0
_AIM_OF_FAST = 0.8


def main() -> int:
    """Measure and print; exits 1 when an aim is missed."""
    given = _arguments()
    figures: dict[str, list[float]] = {"conch": [], "json": [], "fast": []}
    with _upstream() as url:
        for _ in range(given.rounds):
            figures["conch"].append(_ours(url, given.users, given.seconds))
            for kind in ("json", "fast"):
                figures[kind].append(_peer(kind, url, given.users, given.seconds))
    ours, json, fast = (statistics.median(figures[kind]) for kind in ("conch", "json", "fast"))
    print(f"600 kB tensor, {given.users} users, medians of {given.rounds} rounds, requests/s")
    print(f"  this generator                       {ours:8.0f}")
    print(f"  Locust FastHttpUser, prepared body   {fast:8.0f}")
    print(f"  Locust HttpUser, json=               {json:8.1f}")
    print(f"  over HttpUser json=    {ours / json:6.1f}   (aim: >= {_AIM_OF_JSON:g})")
    print(f"  over FastHttpUser      {ours / fast:6.2f}   (aim: >= {_AIM_OF_FAST:g})")
    return int(ours < _AIM_OF_JSON * json or ours < _AIM_OF_FAST * fast)


def _ours(url: str, users: int, seconds: float) -> float:
    load = Load(loop=Loop.CLOSED, users=users, warmup_s=1, duration_s=seconds)
    with Generators(Traffic(url=url, models=[ModelShare(name="image")])) as generators:
        windows = [window for window in generators.run(load) if not window.warmup]
    if failed := [window.errors for window in windows if window.errors]:
        sys.exit(f"Requests failed: {failed[0]}.")
    in_time = [window for window in windows if window.at_s < load.warmup_s + seconds]
    return sum(window.answered for window in in_time) / seconds


def _peer(kind: str, url: str, users: int, seconds: float) -> float:
    command = [sys.executable, "-m", "loadtest.speed_peers", kind, url, str(users), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"Locust's {kind} user failed: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


@contextmanager
def _upstream() -> Iterator[str]:
    command = [sys.executable, "-m", "loadtest.speed_upstream"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None, "it was asked for"
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-loadtest ARGS=",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--users", type=int, default=8, help="requests in flight")
    parser.add_argument("--seconds", type=int, default=4, help="length of one turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
