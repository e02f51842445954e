"""docker-compose.yml, checked by the Compose binary without a Docker engine."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import environment_name
from stack.settings import StackSettings

ROOT = Path(__file__).parent.parent
COMPOSE = Path(sys.executable).with_name("docker-compose")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    command = [COMPOSE, "-f", ROOT / "docker-compose.yml", "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_only_the_gateway_is_published(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if service.get("ports")] == ["gateway"]


def test_every_conch_variable_is_a_setting(services: dict[str, Any]) -> None:
    known = {environment_name(field) for field in StackSettings.model_fields}
    used = {name for service in services.values() for name in service.get("environment", {})}
    assert {name for name in used if name.startswith("CONCH_")} <= known


def test_the_triton_image_has_a_release_tag(services: dict[str, Any]) -> None:
    assert services["triton"]["image"].rpartition(":")[2].endswith("-py3")


def test_the_builder_is_sent_what_the_image_is_made_of_and_no_environment() -> None:
    recipe = (ROOT / "deploy" / "gateway.Dockerfile").read_text()
    copied = {
        source
        for line in re.findall(r"^COPY (.*)", recipe, re.MULTILINE)
        for source in line.split()[:-1]
    }
    ignored = set((ROOT / ".dockerignore").read_text().splitlines())
    assert {".git", ".venv", ".conch", "model_repository/*/[0-9]*"} <= ignored
    assert copied
    assert not copied & ignored
