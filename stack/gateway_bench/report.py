"""The figures of a run as tables, for a terminal and for a page, and as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from stack.gateway_bench import aims
from stack.gateway_bench.grid import Grid, spread
from stack.gateway_bench.measuring import CONNECTIONS, Measurement, Run
from stack.gateway_bench.pinning import Cores
from stack.gateway_bench.sections import DIRECT, NGINX

Results = Mapping[str, Sequence[Run]]


def conditions(cores: Cores, *, rounds: int, seconds: int) -> str:
    """Under what circumstances the figures came about."""
    place = (
        "the gateway alone on one core, load and upstream on another"
        if cores.are_apart
        else "fewer than two cores: the gateway, load and upstream share what there is"
    )
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}; {place}; "
        f"{CONNECTIONS} connections, {rounds} rounds of {seconds} s, medians (lowest to highest)"
    )


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
    headings = ("", "requests/s", "CPU, µs/request", "of it kernel", "CPU / nginx")
    headings += ("p50 at 1 connection, µs", "added, µs", "peak memory, MB")
    nginx = _named(runs, NGINX)
    direct = _named(runs, DIRECT)
    rows = []
    for run in runs:
        is_direct = run is direct
        p50 = aims.differences(run, direct, aims.p50_us)
        rows.append(
            (
                run.name,
                spread(run.each(lambda m: m.per_second)),
                "" if is_direct else spread(run.each(aims.cpu_us)),
                "" if is_direct else spread(run.each(lambda m: m.system_us)),
                "" if is_direct else spread(aims.ratios(run, nginx, aims.cpu_us), "{:.2f}"),
                spread(run.each(aims.p50_us)),
                "" if is_direct else spread(p50),
                "" if is_direct else _mb(run.measured[-1]),
            )
        )
    return Grid("3.3 kB in, 190 bytes out", headings, rows)


def _large(runs: Sequence[Run]) -> Grid:
    headings = ("", "requests/s", "MB/s", "CPU, µs/request", "peak memory, MB", "grown by, MB")
    rows = [
        (
            run.name,
            spread(run.each(lambda m: m.per_second)),
            spread(run.each(lambda m: m.mb_per_second)),
            spread(run.each(aims.cpu_us)),
            _mb(run.measured[-1]),
            f"{run.measured[-1].peak_mb - run.warm_peak_mb:.1f}",
        )
        for run in runs
    ]
    return Grid("600 kB tensors", headings, rows)


def _many(runs: Sequence[Run]) -> Grid:
    headings = ("", "requests/s", "CPU, µs/request", "peak memory, MB")
    rows = [
        (
            run.name,
            spread(run.each(lambda m: m.per_second)),
            spread(run.each(aims.cpu_us), "{:,.1f}"),
            _mb(run.measured[-1]),
        )
        for run in runs
    ]
    return Grid("Many keys and models", headings, rows)


def _mb(measurement: Measurement) -> str:
    return f"{measurement.peak_mb:.0f}"


def _named(runs: Sequence[Run], name: str) -> Run:
    return next(run for run in runs if run.name == name)
