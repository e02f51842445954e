"""Dashboards and alerts on a real Prometheus that reads a real stack: no panel is empty."""

import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import promql_parser
import pytest

from deploy.grafana.make_dashboards import DASHBOARDS, FOLDER, dashboard_text
from tests.deploy.panels import EXEMPT, panels
from tests.deploy.running_compose import RunningCompose
from tests.deploy.running_prometheus import (
    RATE_INTERVAL,
    RunningPrometheus,
    running_prometheus,
    some_traffic,
)
from tests.deploy.test_prometheus import tool
from tests.waiting import wait_until

PATIENCE_S = 45.0


QUERIES = [
    pytest.param(panel.name, query.expression, id=f"{panel.name} {query.letter}")
    for panel in panels()
    for query in panel.queries
]


def test_the_files_are_what_the_program_writes() -> None:
    written = {path.stem: path.read_text() for path in FOLDER.glob("*.json")}
    assert written == {one.name: dashboard_text(one) for one in DASHBOARDS}


@pytest.mark.parametrize(("panel", "query"), QUERIES)
def test_every_query_can_be_parsed(panel: str, query: str) -> None:
    assert promql_parser.parse(query.replace("$__rate_interval", RATE_INTERVAL)) is not None


def test_what_is_exempt_is_there() -> None:
    assert {parameters.values[0] for parameters in QUERIES} >= EXEMPT.keys()


@pytest.fixture(scope="session")
def prometheus(
    compose: RunningCompose, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPrometheus]:
    """It sees the stack at work for as long as tests ask it."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(folder, compose) as running, some_traffic(compose):
        yield running


@pytest.mark.parametrize(("panel", "query"), QUERIES)
def test_no_panel_is_empty(prometheus: RunningPrometheus, panel: str, query: str) -> None:
    if panel in EXEMPT:
        pytest.skip(EXEMPT[panel])
    wait_until(
        lambda: any(math.isfinite(one.value) for one in prometheus.series(query)),
        PATIENCE_S,
        f"{panel}: {query} says nothing",
    )


def test_every_rule_is_evaluated_and_a_healthy_stack_wakes_nobody(
    prometheus: RunningPrometheus,
) -> None:
    def rules() -> list[Any]:
        groups = prometheus.ask("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] == "ok" for rule in rules()), PATIENCE_S)
    firing = {rule["name"] for rule in rules() if rule.get("state") == "firing"}
    assert firing == set()


def test_prometheus_finds_our_metrics_well_formed(
    compose: RunningCompose, prometheus: RunningPrometheus
) -> None:
    said = subprocess.run(
        [tool("promtool"), "check", "metrics"],
        input=httpx2.get(f"{compose.admin_url}/metrics").text,
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")
