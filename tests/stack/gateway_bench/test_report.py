"""How figures of rounds become tables."""

from pathlib import Path

import pytest

from stack.gateway_bench.grid import Grid, spread
from stack.gateway_bench.load import Load
from stack.gateway_bench.measuring import Measurement, Run
from stack.gateway_bench.processes import Server
from stack.gateway_bench.report import as_json, tables
from stack.gateway_bench.sections import (
    CONCH,
    CONCH_KEYS,
    CONCH_MODELS,
    CONCH_TRITONS,
    NGINX,
    NGINX_KEYS,
)
from stack.gateway_bench.traffic import new_keys, traffic_of


def run(name: str, *cpu_us: float) -> Run:
    load = Load(traffic_of(new_keys(1)), Path(), frozenset({0}))
    measured = [Measurement(1000.0, 3.5, us / 2, us / 2, 20.0, None) for us in cpu_us]
    return Run(name, Server(name, 1, 1), 1, load, measured=measured)


def many() -> list[Run]:
    return [
        run(CONCH, 40, 50),
        run(CONCH_KEYS, 42, 50),
        run(CONCH_MODELS, 44, 60),
        run(CONCH_TRITONS, 41, 50),
        run(NGINX, 20, 20),
        run(NGINX_KEYS, 21, 21),
    ]


def test_a_ratio_is_taken_within_a_round() -> None:
    aims = tables({"many": many()})[-1]
    assert aims.rows == [
        ("CPU: 100,000 keys / 1 key", "1.02 (1.00 to 1.05)", "at most 1.10"),
        ("CPU: 1,000 models / 1 model", "1.15 (1.10 to 1.20)", "at most 1.10"),
        ("CPU: 64 Tritons / 1 Triton", "1.01 (1.00 to 1.02)", "at most 1.10"),
        ("CPU: 100,000 keys / 1 key, of nginx", "1.05 (1.05 to 1.05)", "none: to compare with"),
    ]


def test_json_has_every_round() -> None:
    made = as_json({"many": many()}, "2 cores")
    assert made["conditions"] == "2 cores"
    assert isinstance(made["aims"], list)
    assert made["aims"][0]["rounds"] == pytest.approx([1.05, 1.0])


def test_a_spread_of_one_round_is_its_figure() -> None:
    assert spread([21.4]) == "21"
    assert spread([1.0, 3.0, 2.0], "{:.1f}") == "2.0 (1.0 to 3.0)"


def test_a_table_is_markdown_on_a_page() -> None:
    grid = Grid("Cost", ("", "CPU"), [("nginx", "22")])
    assert grid.for_page() == "Cost:\n\n|  | CPU |\n| --- | ---: |\n| nginx | 22 |"
