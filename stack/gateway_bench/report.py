"""The figures of a run as tables, for a terminal and for a page, and as JSON."""

import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from stack.gateway_bench import aims
from stack.gateway_bench.grid import Grid, spread
from stack.gateway_bench.measuring import CONNECTIONS, Measurement, Run
from stack.gateway_bench.pinning import Cores
from stack.gateway_bench.sections import DIRECT, NGINX

Results = Mapping[str, Sequence[Run]]


def conditions(nginx: str, cores: Cores, *, is_compiled: bool, rounds: int, seconds: int) -> str:
    """Under what circumstances the figures came about."""
    place = (
        "the gateway alone on one core, load and upstream on another"
        if cores.are_apart
        else "fewer than two cores: the gateway, load and upstream share what there is"
    )
    build = "compiled as it is installed" if is_compiled else "not compiled"
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {_version(nginx)}; "
        f"Conch {build}; {place}; "
        f"{CONNECTIONS} connections, {rounds} rounds of {seconds} s; "
        "medians (lowest to highest); MB is the most memory so far"
    )


def _version(nginx: str) -> str:
    done = subprocess.run([nginx, "-v"], capture_output=True, text=True)
    return done.stderr.strip().rpartition(" ")[2]


def tables(results: Results) -> list[Grid]:
    """One table a section, and one of the aims."""
    makers = {"small": _small, "large": _large, "many": _many}
    found = aims.reached(results)
    aims_table = Grid(
        "Aims",
        ("", "measured", "aim"),
        [(aim.name, spread(aim.values, aim.form), aim.text) for aim in found],
    )
    return [*(makers[section](runs) for section, runs in results.items()), aims_table]


def as_json(results: Results, said: str) -> dict[str, object]:
    """Every figure of every round."""
    return {
        "conditions": said,
        "sections": {
            section: {
                run.name: {
                    "warm_peak_mb": run.warm_peak_mb,
                    "rounds": [asdict(measurement) for measurement in run.measured],
                }
                for run in runs
            }
            for section, runs in results.items()
        },
        "aims": [
            {"name": aim.name, "aim": aim.text, "rounds": aim.values}
            for aim in aims.reached(results)
        ],
    }


def _small(runs: Sequence[Run]) -> Grid:
    cpu_headings = ("CPU, µs/request", "of it kernel", "CPU / nginx")
    headings = ("", "requests/s", *cpu_headings, "p50 at 1, µs", "p50 added, µs", "MB")
    nginx, direct = _named(runs, NGINX), _named(runs, DIRECT)
    rows = [
        (
            run.name,
            _median(run.each(aims.per_second)),
            *(("",) * 3 if run is direct else _cpu(run, nginx)),
            _median(run.each(aims.p50_us)),
            *(("",) * 2 if run is direct else _added(run, direct)),
        )
        for run in runs
    ]
    return Grid("3.3 kB in, 190 bytes out", headings, rows)


def _cpu(run: Run, nginx: Run) -> tuple[str, str, str]:
    return (
        spread(run.each(aims.cpu_us)),
        _median(run.each(lambda m: m.system_us)),
        spread(aims.ratios(run, nginx, aims.cpu_us), "{:.2f}"),
    )


def _added(run: Run, direct: Run) -> tuple[str, str]:
    return spread(aims.differences(run, direct, aims.p50_us)), _mb(run.measured[-1])


def _large(runs: Sequence[Run]) -> Grid:
    headings = ("", "requests/s", "MB/s", "CPU, µs/request", "MB", "grown by")
    rows = [
        (
            run.name,
            _median(run.each(aims.per_second)),
            _median(run.each(lambda m: m.mb_per_second)),
            spread(run.each(aims.cpu_us)),
            _mb(run.measured[-1]),
            f"{run.measured[-1].peak_mb - run.warm_peak_mb:.1f}",
        )
        for run in runs
    ]
    return Grid("600 kB tensors", headings, rows)


def _many(runs: Sequence[Run]) -> Grid:
    headings = ("", "requests/s", "CPU, µs/request", "MB")
    rows = [
        (
            run.name,
            _median(run.each(aims.per_second)),
            spread(run.each(aims.cpu_us), "{:,.1f}"),
            _mb(run.measured[-1]),
        )
        for run in runs
    ]
    return Grid("Many keys, models and Tritons", headings, rows)


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.0f}"


def _mb(measurement: Measurement) -> str:
    return f"{measurement.peak_mb:.0f}"


def _named(runs: Sequence[Run], name: str) -> Run:
    return next(run for run in runs if run.name == name)
