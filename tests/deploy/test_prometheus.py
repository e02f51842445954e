"""Rules, alerts and their receivers, by Prometheus' own tools."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


def tool(name: str) -> str:
    """The program, or a test that says why it is skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on the path; `make test` unpacks Debian's")
    return found


def succeeds(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_the_configuration_and_its_rules_are_in_order() -> None:
    succeeds(tool("promtool"), "check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_not_otherwise(path: Path) -> None:
    succeeds(tool("promtool"), "test", "rules", path)


def test_each_alert_is_seen_firing_and_not_firing() -> None:
    seen: dict[str, set[bool]] = {}
    for path in UNIT_TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for expected in test["alert_rule_test"]:
                fires = bool(expected["exp_alerts"])
                seen.setdefault(expected["alertname"], set()).add(fires)
    assert seen == {name: {True, False} for name in alerts()}


def test_each_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    headings = {heading.lower() for heading in re.findall(r"^### (\w+)$", page, re.MULTILINE)}
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        assert name.lower() in headings
    assert headings == {name.lower() for name in alerts()}


def test_alertmanager_takes_its_configuration() -> None:
    path = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    succeeds(tool("amtool"), "check-config", path)


def test_every_page_and_ticket_goes_to_the_operators() -> None:
    path = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    for severity in ("page", "ticket"):
        route = succeeds(
            *(tool("amtool"), "config", "routes", "test", f"--config.file={path}"),
            f"severity={severity}",
        )
        assert route.strip() == "operators"


def test_inhibitions_name_alerts_that_exist() -> None:
    text = (ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text()
    patterns = re.findall(r"alertname=~?\"([^\"]+)\"", text)
    for pattern in patterns:
        for part in pattern.split("|"):
            assert any(re.fullmatch(part, name) for name in alerts()), part
