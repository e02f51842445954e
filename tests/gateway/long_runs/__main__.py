"""`python -m tests.gateway.long_runs NAME`: prints what a long run of the gateway showed."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.gateway.long_runs.hedging import FULL, measure
from tests.gateway.long_runs.idle import idle
from tests.gateway.long_runs.large import large
from tests.gateway.long_runs.parts import MIB
from tests.gateway.long_runs.quotas.kinds import full_runs
from tests.gateway.long_runs.quotas.report import report
from tests.gateway.long_runs.quotas.run import run
from tests.gateway.long_runs.steady import FILLING, steady, unexpected

GIB = 1024 * MIB
MAX_GROWTH_BYTES = 4 * MIB


def show_steady() -> bool:
    """Memory after every 100,000 of a million requests."""
    seen = steady(10, 100_000, filling=FILLING, report=print)
    print(f"before them {seen.before_bytes / MIB:.2f} MiB; answers {dict(seen.statuses)}")
    print(f"growth after the first part: {seen.growth_bytes / MIB:.2f} MiB")
    wrong = unexpected(seen.statuses)
    if wrong:
        print(f"answers that should not be among them: {wrong}")
    return seen.growth_bytes <= MAX_GROWTH_BYTES and not wrong


def show_idle() -> bool:
    """10,000 idle connections, which all still answer."""
    seen = idle(10_000)
    print(
        f"{seen.connections:,} connections, opened and asked once in {seen.opened_s:.1f} s, "
        f"asked again in {seen.asked_again_s:.1f} s; worker {seen.before_bytes / MIB:.1f} MiB "
        f"before, {seen.held_bytes / MIB:.1f} MiB with them: {seen.bytes_each:,.0f} bytes each; "
        f"{seen.answers:,} answers"
    )
    return seen.all_answered


def show_large() -> bool:
    """1 GiB sent in several ways, and read by a slow client."""
    peaks = []
    for seen in large(GIB):
        print(seen)
        peaks.append(seen.peak_bytes)
    return max(peaks) < GIB // 4


def show_hedging() -> bool:
    """Two Tritons, one of which takes 200 ms for one answer in twenty; without hedging and with."""
    waits_ms = [0, 10, 20, 50]
    seen = [measure(FULL, hedge_after_ms=wait_ms) for wait_ms in waits_ms]
    for wait_ms, each in zip(waits_ms, seen, strict=True):
        print(f"after {wait_ms} ms: {each}" if wait_ms else f"without: {each}", flush=True)
    return all(each.statuses.keys() == {200} for each in seen)


def show_quotas() -> bool:
    """200 tenants before 8 workers, which are killed, and Redis, which goes away."""
    is_kept = True
    for name, plan in full_runs().items():
        print(f"\n{name}")
        with tempfile.TemporaryDirectory() as directory:
            seen = run(plan, Path(directory))
        for line in report(seen):
            print(line, flush=True)
        is_kept &= seen.is_kept and (seen.is_given or plan.redis_away_s > 0)
    return is_kept


RUNS: dict[str, Callable[[], bool]] = {
    "steady": show_steady,
    "idle": show_idle,
    "large": show_large,
    "hedging": show_hedging,
    "quotas": show_quotas,
}


def main() -> None:
    """Run the named ones, all by default; the exit code tells whether all was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", choices=RUNS, help="all of them if left out")
    name = parser.parse_args().name
    sys.exit(0 if all([RUNS[each]() for each in ([name] if name else RUNS)]) else 1)


if __name__ == "__main__":
    main()
